"""Readers ask to be taken off a list in their own words; similar sentences are not wishes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.bounces.mail import open_mail
from newsletter.feedback.leave_words import Wish, read_mail_wish, read_wish
from newsletter.feedback.requests import asks_to_leave
from tests.feedback.letters import letter

_PLAIN = """
Leave me alone!
STOP SENDING ME THIS CRAP
plz unsubscibe me thx
Hört auf mir diesen Müll zu schicken!
Ich widerspreche hiermit der weiteren Zusendung Ihrer Werbe-E-Mails.
Hiermit lege ich Widerspruch gegen die Zusendung von Newslettern ein.
Fichez-moi la paix avec vos mails, je veux plus rien recevoir !!!
Arrêtez de m'envoyer ces conneries.
Me opongo al envío de más correos.
Buenas, por favor dadme de baja del boletín, gracias.
Parem de me enviar esse lixo.
Mi oppongo all'invio di newsletter.
Ik maak bezwaar tegen het ontvangen van uw nieuwsbrief.
Przestańcie wysyłać mi te śmieci.
Оставьте меня в покое.
别再发这些垃圾了
Delete me from your database.
Remove my address and confirm in writing that you deleted my data.
めるまが|とめてほしいです。
Do us both a favour and lose my address.
This will have been my last one, please.
そちらで解除しておいてもらえますか?
こちらの通信は今回限りでお願いします。
Sumimasen ga, haishin wo yamete kudasai.
Bitte nix mehr schicken, danke.
Chiedo di cancellarmi dalla newsletter perché non leggo più l'inglese.
Je voudrais résilier mon abonnement à votre newsletter.
もうメールは|結構です
お世話になります。|登録を|解除してください。|山田
もう送らなくて|いいです
Please take me|off the list
I don't want|these emails|any more
пожалуйста|больше не присылайте|мне письма
今後はいりません。
もう結構です。
解約希望
いつもありがとうございます。|停止してください。
今後の配信は控えていただけますでしょうか。
引っ越したため、今後の配信は結構です。
以前にも連絡しましたが、配信を止めてください
当方のアドレスを名簿から削除していただけますでしょうか。
退会希望
メルマガを退会させてください。
このお知らせメールは受け取りたくありません。
今後はお送りいただかなくて結構です。
Bitte um Abmeldung
リンクを押しても解除できません。|そちらで解除してください。
No more emails please
stop sending me this
take me off your list
Could you please remove me from this mailing list?
I never signed up for this, please remove my address.
Dear all, I enjoyed it for years, but as I am retiring,|please take me off the list.
I'd rather not receive these any longer.
Please unsubsribe
Bitte keine Mails mehr.
Könnten Sie mich bitte austragen?
Je ne souhaite plus recevoir vos mails
No quiero recibir más correos
Não quero mais receber esta newsletter
Cancellatemi dalla lista per favore
Schrijf mij uit aub
Proszę wypisać mnie z listy
請將我從名單中移除
더 이상 메일을 보내지 마세요
Ta bort mig från listan
Больше не присылайте мне письма
はいしん ていし おねがいします
次号からは送付を見合わせてください。
以後の配信はご遠慮いただければ幸いです。
お手数ですが、配信の停止を希望し、ご連絡いたしました。
I should be grateful if you would discontinue the newsletter.
I withdraw the consent to receive your mailings.
Ich widerrufe meine Einwilligung in die Zusendung.
No deseo seguir recibiendo el boletín.
Je retire mon consentement à l'envoi de vos lettres.
Raus aus dem Verteiler, bitte.
Please cancel  my\u00a0subscription.
Proszę o usunięcie naszego adresu z listy.
誠に勝手ながら、ご送付は本号までにしてください。
Ich möchte den Newsletter abbestellen.
Bitte abbestellen
Vill avbeställa nyhetsbrevet, tack.
Hei, haluaisin peruuttaa uutiskirjeen tilauksen.
Bülten aboneliğimi iptal etmek istiyorum.
Graag afmelden voor deze nieuwsbrief, dank u.
読んでいないので|解除お願いします
全然開いていないので、止めてください
今すぐ止めてください。
解除のボタンを押しても毎週届きます。
解除したのにまた届いています。
配信停止の手続きをしたはずですが、まだ届きます。
I have unsubscribed twice but you keep sending it.
I clicked unsubscribe three times and still get this every week.
Ich habe mich schon zweimal abgemeldet, bekomme aber immer noch Ihre Mails.
Je me suis désabonné mais je reçois toujours vos messages.
Me di de baja hace un mes y sigo recibiendo el boletín.
Ik heb me afgemeld en krijg nog steeds jullie nieuwsbrief.
Wypisałem się i nadal dostaję maile.
Ho annullato l'iscrizione alla newsletter e la ricevo ancora: basta mail.
停止|iPhoneから送信
いい加減に外してください!!
もう大きなったし、次から送ってもらわんでええです。おおきに。
¿Me podéis dar de baja del boletín?
Я отписалась, но письма всё равно приходят.
수신거부를 했는데도 계속 옵니다.
已经退订了,还是每天收到邮件
恐れ入りますが、こちらへの配信はおやめください。
本号をもちまして最後にさせてください。
図書館だよりのメール、来ないようにしてもらえますか。
The link does not work, please unsubscribe me.
解除のリンクが開けないので、配信を停止してください。
Le lien ne marche pas, désabonnez-moi de la newsletter.
Der Link geht nicht, bitte den Newsletter abbestellen.
我已經搬家,今後不需要再發電子報給我。
Будь ласка, вилучити мою адресу зі списку.
Is it possible to be removed from your mailing list?
Can y'all quit sending me this stuff?
Könnten Sie aufhören, mir Newsletter zu schicken?
Czy możecie mnie usunąć z listy?
Kunne I stoppe med at sende mig mails?
Voisitteko lopettaa uutiskirjeiden lähettämisen?
Не могли бы вы перестать присылать мне письма?
Mohli byste přestat posílat newslettery?
Bana mail göndermeyi bırakır mısınız?
配信を止めていただくことは可能でしょうか？
メルマガの配信を停止してもらえませんか。
Löschen Sie bitte meine Daten.
Supprimez mon adresse s'il vous plaît.
Por favor, borren mis datos personales.
Eliminate i miei dati personali.
Verwijder mijn gegevens.
麻烦删除我的个人资料。
제 개인정보를 모두 삭제해 주세요.
Удалите мои данные.
お手数ですが、私の個人情報を削除していただけますか。
Nehmts mi bitte aus'm Verteiler raus.
I mog eure Mails nimmer kriagn.
Koa Mails mehr bitte.
もう配信せんといてください
"""
_SPOKEN_OF = """
配信停止の方法を教えてください
配信を止めないでください。
解除したのにまだ届くのですか?
Ik wil me afmelden voor de wandeling van zaterdag.
メールが届きません。|配信が停止されたのでしょうか。
配信停止をしたいのですが、方法が分かりません。
夜の工事がうるさいです。|やめてください。
How do I unsubscribe?
Please do not stop sending these, I love them.
Please don't unsubscribe me.
水泳教室ですが、膝を痛めたため、来月分から退会させてください。
市民まつりの参加者名簿から私の名前を外してください。
Ich muss mich vom Ausflug abmelden.|Bitte streichen Sie mich von der Liste.
I have to cancel my registration for the workshop.|Please remove me from the list.
Merci de désinscrire ma fille de la cantine.
Quiero dar de baja el agua
Jag vill säga upp min båtplats i hamnen.
My sister pressed the unsubscribe link.|I want to stay on.
To stop receiving updates about this ticket, reply with "close".
旧アドレスへの送信はやめて、今後は hana@new.example.jp にお送りください。
Please stop sending to the office and use my new address instead.
Wie kann ich mich abmelden?
실수로 수신거부를 누른 것 같아요.|계속 받고 싶습니다!
"""
_PAST_OR_ELSEWHERE = """
Leave me alone in the group photo next time.
Please take me off the photo on page 2, I would rather not be on the web.
Please don't send me the seed catalogue any more.
A képeket kérem ne küldjék, lassú a netem.
Proszę nie wysyłać mi zdjęć w załączniku.
Bitte streichen Sie mich von der Teilnehmerliste.
Vi prego di togliere il mio nome dall'articolo a pagina 3.
Tôi vừa hủy đăng ký kênh truyền hình.
配信停止のほうは押してないのでご安心を
Je voudrais résilier mon abonnement au ciné-club.
Quiero cancelar mi suscripción al gimnasio.
Vorrei annullare il mio abbonamento alla palestra.
講座の申込みはそちらで手続きしてもらえますか。
今回限りの特別価格でお願いします。
This was my last one from the old stock, please send more.
I unsubscribed last year in a huff. May I come back?
I cancelled my subscription by accident.
間違えて登録を解除してしまいました。
配信停止した覚えはないのですが。
もう読まない!と言いたいところですが、続きをお待ちしています。
Ich habe den Newsletter letztes Jahr abbestellt, das war ein Fehler.
Je me suis désabonné l'an dernier par erreur.
Cancelei a minha subscrição por engano.
Mi ero disiscritto dalla newsletter l'anno scorso.
W zeszłym roku wypisałem się z newslettera.
我不小心取消了订阅。
수신거부한 적도 없는데 안 옵니다.
Я випадково відписався.
Yanlışlıkla abonelikten ayrıldım.
Tôi chưa bao giờ hủy đăng ký.
Remove me from the choir.
Please stop sending the bin lorry at 5 am.
Take me off the waiting list for a plot.
Quiero darme de baja del gimnasio municipal.
Bitte melden Sie mich vom Hort ab.
Veuillez me retirer de la liste électorale.
Vorrei cancellare la mia iscrizione alla palestra.
Ik wil me afmelden voor de cursus.
Chcę zrezygnować z prenumeraty papierowej.
Jeg vil melde meg av kurset.
会報の郵送は停止して、メールだけにしてください。
Ich habe den Kurs abbestellt, bekomme aber weiter Mails dazu.
J'ai résilié ma carte de bus mais je reçois toujours vos courriels.
Mi hijo se dio de baja del curso, pero yo sigo leyendo el boletín con mucho gusto.
Ik heb mijn krant opgezegd maar krijg nog steeds jullie mails.
Ho annullato il corso ma ricevo ancora email.
Wypisałem się z kursu, ale nadal dostaję maile.
Cancelei o plano de saúde e ainda recebo emails.
Is it possible to unsubscribe?
Könnten Sie aufhören, mir so lange Mails zu schicken?
Bitte löschen Sie meine Daten aus dem Artikel.
Borren mis datos del artículo de la página 3.
¿Se borran mis datos al darme de baja?
Avete cancellato i miei dati?
Usunęliście moje dane?
Не надо удалить мои данные.
请问怎样删除我的个人信息?
请不要删除我的个人信息
제 개인정보를 삭제하지 말아 주세요.
掲示板から私の個人情報を削除してください。
私の個人情報を削除しましたか？
配信を止めないでもらえませんか。
Můžete přestat posílat tak velké obrázky?
"""
_LINKS_AND_STAYING = """
The unsubscribe link at the bottom of your newsletter leads to an error page.
I do not want to unsubscribe, I am only telling you.
I don't wish to leave the newsletter, just to report it.
メール末尾の配信停止リンクがエラーページになります。
退会したいわけではなく、お知らせまでです。
解除を希望しているのではありません。
Der Abmelden-Link am Ende Ihres Newsletters führt zu einer Fehlerseite.
Ich möchte mich nicht vom Newsletter abmelden, nur Bescheid geben.
Ich will den Newsletter nicht abbestellen.
Le lien « se désabonner » en bas de votre lettre mène à une page d’erreur.
Je ne souhaite pas me désabonner de la newsletter, je vous le signale simplement.
Je ne veux pas quitter la newsletter.
El enlace «darse de baja» al final de su boletín lleva a una página de error.
No quiero darme de baja del boletín, solo aviso.
No deseo cancelar mi suscripción al boletín.
Il link «cancella iscrizione» in fondo alla newsletter porta a una pagina di errore.
Non voglio cancellarmi dalla newsletter, è solo una segnalazione.
Non desidero disiscrivermi dalla newsletter.
A ligação «cancelar subscrição» no fim do boletim leva a uma página de erro.
Não quero cancelar a subscrição do boletim, só aviso.
De link 'uitschrijven' onderaan uw nieuwsbrief leidt naar een foutpagina.
Ik wil me niet uitschrijven voor de nieuwsbrief, ik meld het alleen.
Ik wil de nieuwsbrief niet opzeggen.
Länken 'avsluta prenumeration' längst ner i nyhetsbrevet leder till en felsida.
Jag vill inte avsluta prenumerationen på nyhetsbrevet, jag säger bara till.
Link „wypisz się” na dole newslettera prowadzi do strony z błędem.
Nie chcę się wypisać z newslettera, tylko zgłaszam.
Ссылка «отписаться» внизу вашей рассылки ведёт на страницу с ошибкой.
Я не хочу отписаться от рассылки, просто сообщаю.
메일 맨 아래 '수신거부' 링크가 오류 페이지로 연결됩니다.
뉴스레터 구독을 해지하려는 것이 아니라 알려 드리는 것입니다.
邮件底部的“退订”链接打开后是错误页面。
我不是要退订邮件，只是告知。
Bülteninizin altındaki 'abonelikten çık' bağlantısı hata sayfasına gidiyor.
Bültenden çıkmak istemiyorum, sadece haber veriyorum.
Linket 'afmeld' nederst i nyhedsbrevet fører til en fejlside.
Jeg vil ikke afmelde nyhedsbrevet, jeg siger det bare.
Odkaz „odhlásit“ na konci newsletteru vede na chybovou stránku.
Nechci se odhlásit z newsletteru, jen to hlásím.
Reduza seus descadastros em 40% com a nossa agência.
Nu vreau să mă dezabonez de la newsletter.
Tôi không muốn hủy đăng ký bản tin.
Saya tidak ingin berhenti berlangganan buletin ini.
Nem szeretnék leiratkozni a hírlevélről, csak szólok.
Butonul de dezabonare nu merge.
Tombol berhenti berlangganan tidak berfungsi.
Η σύνδεση διαγραφής δεν λειτουργεί.
It would be a shame to unsubscribe, so I won't.
"""
_NONE = """
Remove my address and phone number from the volunteers' page, please.
I object to the new opening hours of the library.
Ich lege Widerspruch gegen den Bescheid ein.
Je veux plus de détails sur la réunion.
Me opongo a la tala de árboles.
Stop the garbage trucks at six in the morning, please.
もうメールは|届きました
参加を|取り消して|ください
Please stop|by on Monday
解約の手続きについて教えてください。
講座の中止のお知らせ、ありがとうございました。
資料の送付は不要です。
お返事は結構です。
メールで予約を取り消したいのですが。
料理教室の申込をキャンセルします。
Thank you for the newsletter! Please stop the construction at night.
Please cancel my appointment on Friday.
Please remove the typo on page 2.
I no longer need the parking permit.
Wir haben den Termin abgesagt.
예약을 취소해 주세요
"""


def _mails(text: str) -> list[str]:
    return text.strip().split("\n")


@pytest.mark.parametrize("mail", _mails(_PLAIN))
def test_a_wish_is_plain_in_whatever_words(mail: str) -> None:
    assert read_wish(mail.split("|")) is Wish.PLAIN


@pytest.mark.parametrize("mail", _mails(_SPOKEN_OF))
def test_a_question_a_denial_or_a_doubt_only_mentions_leaving(mail: str) -> None:
    assert read_wish(mail.split("|")) is Wish.MENTIONED


@pytest.mark.parametrize("mail", _mails(_PAST_OR_ELSEWHERE))
def test_what_is_past_or_leaves_something_else_ends_nothing(mail: str) -> None:
    assert read_wish([mail]) is not Wish.PLAIN


@pytest.mark.parametrize("mail", _mails(_LINKS_AND_STAYING))
def test_readers_who_report_a_link_or_want_to_stay_are_not_unsubscribed(mail: str) -> None:
    assert read_wish([mail]) is not Wish.PLAIN


@pytest.mark.parametrize("mail", _mails(_NONE))
def test_what_ends_something_else_is_no_wish(mail: str) -> None:
    assert read_wish(mail.split("|")) is Wish.NONE


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Kündigung", "hiermit kündigen wir unsere Wohnung zum 28.02.|Bitte bestätigen Sie."),
        ("Abbestellung", "Guten Tag,|wir möchten die gelbe Tonne abbestellen. An wen geht das?"),
        ("Avbeställning", "Jag måste avbeställa bordet på fredag. Går det bra?"),
        ("cancelling my membership", "I'd like to leave the sailing club. Whom do I write to?"),
        ("Cancellazione", "Vorrei cancellare la mia prenotazione per il faro."),
        ("退訂房間", "您好,想退訂12月5日的雙人房一晚,請問訂金可以退還嗎?"),
        ("odhlášení", "Dobrý den, odhlašuji Kubíka z obědů, má angínu. Děkuji."),
        (
            "配信停止の確認",
            "誤って押しました。|今後も読みたいので停止しないでください。",
        ),
        (
            "Abbestellen? Niemals!",
            "Ich solle alle abbestellen, meint er.|Ihren behalte ich!",
        ),
        ("Re: Do you want it?", "Please DON'T remove me!! Unsubscribe me over my dead body :)"),
        ("Переезд", "Пожалуйста, не отписывайте меня, даже если письма возвращаются!"),
    ],
)
def test_a_subject_is_about_the_topic_of_the_text(subject: str, words: str) -> None:
    assert read_mail_wish(subject, words.split("|")) is not Wish.PLAIN


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Unsubscribe", "I have moved away, and the town is far."),
        ("Kündigung", "Mit freundlichen Grüßen|Erna Huber"),
        ("退会", "山田太郎"),
        ("退会 お願いします", "小林 哲夫です。よろしく。"),
        ("Re: 第214号", "誠に勝手ながらメールの配信を|停止していただけますでしょうか。"),
        ("Re: Digest", "gente, me tira dessa lista por favor?"),
        ("VS: Digest", "Ei kiinnosta. Osoite pois listalta."),
        ("Ynt: Digest", "lutfen beni listeden cikarin"),
        ("メルマガについて", "子どもが大きくなりました。|名簿から外しておいてください。"),
        ("Re: Digest", "Hi, could you take me off this please? We left Japan."),
        ("Abmeldung", "hiermit melde ich mich vom Rundbrief ab. Danke!"),
        ("Re: Digest", "Serait-il possible de me retirer de votre liste de diffusion ?"),
    ],
)
def test_a_subject_or_the_words_below_it_ask_to_leave(subject: str, words: str) -> None:
    assert read_mail_wish(subject, words.split("|")) is Wish.PLAIN


def test_a_sentence_goes_on_where_a_program_wrapped_its_line() -> None:
    story = "After eleven years with the department I am going to retire in March; please take me"
    assert read_wish([story, "off your mailing list."]) is Wish.PLAIN


def test_a_wish_is_found_late_in_a_paragraph_on_one_line() -> None:
    story = "The page about holiday clubs was very useful to us while she was at school. " * 6
    mail = letter("Re: Digest", body=f"{story}So would you kindly remove me from your list.")
    assert asks_to_leave(open_mail(mail), is_automatic=False)


@pytest.mark.parametrize(
    "body",
    [
        'My mother wrote me this:\n\n"Please take me off the mailing list."\n\nHow can she?',
        "母からこう頼まれました：\n「メルマガの配信を停止してください」\nどうすればいいですか。",
        "Meine Mutter schreibt: „Bitte nehmt mich von der Mailingliste.“ Wie macht sie das?",
        "Mon père me dit : « Désabonnez-moi de cette lettre. » Comment faire ?",
    ],
)
def test_what_somebody_else_said_is_not_the_writers_wish(body: str) -> None:
    assert not asks_to_leave(open_mail(letter("Re: Digest", body=body)), is_automatic=False)


@pytest.mark.parametrize(
    "body",
    [
        'Please "unsubscribe" me from the newsletter.',
        '"Please take me off your mailing list." That is all I ask.',
        "「配信停止」をお願いします。メルマガはもう要りません。",
        "To whom it may concern: please take me off your mailing list.",
    ],
)
def test_quotation_marks_alone_make_no_words_somebody_elses(body: str) -> None:
    assert asks_to_leave(open_mail(letter("Re: Digest", body=body)), is_automatic=False)


@given(st.lists(st.text(max_size=80), max_size=20))
@example(["\U00017000", "a letter that has no name is above"])
def test_every_text_is_read(lines: list[str]) -> None:
    assert read_wish(lines) in Wish
