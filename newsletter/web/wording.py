"""What errors and halts say on Japanese pages, where no catalogue has their words.

Errors that carry a message are worded by the catalogues. The others are raised, and mailings held,
in English, far from any page. A sentence is found by its fixed words; ``{}`` stands for what
varies, in the same order on both sides. A test holds the table to what is raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from newsletter.errors import NewsletterError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message

_ACCOUNTS = {
    "While issues need approval, tests go to people with an account alone.": (
        "承認が必要なニュースレターのテストメールは、アカウントのある人にだけ送れます。"
    ),
    "Take the other addresses out of the group, or invite these people.": (
        "ほかのアドレスをグループから外すか、その人を招待してください。"
    ),
    "More than {} test mails would have gone out within a day.": (
        "テストメールが1日に{}通を超えます。"
    ),
    "Try again tomorrow, or test with fewer addresses.": (
        "明日もう一度試すか、宛先を減らしてください。"
    ),
    "Another person than the one who asked must approve.": (
        "承認は、依頼した人とは別の人が行ってください。"
    ),
}

_FORMS = {
    "This form is out of date.": "このフォームは古くなっています。",
    "This page is out of date.": "このページは古くなっています。",
    "Load the page again.": "ページを読み込み直してください。",
    "Load it again.": "読み込み直してください。",
    "Begin again.": "初めからやり直してください。",
    "No relay {} is set.": "{}という中継サーバーは設定されていません。",
    "MAIL_TRANSPORTS names: {}.": "MAIL_TRANSPORTSにあるのは次のとおりです：{}。",
    "Choose at least one delivery.": "配信を一つ以上選んでください。",
    "It must be between 1 and {}.": "1から{}までにしてください。",
}

_SENDING = {
    "Mailing {} is {}; it cannot be {} now.": "配信{}は今{}のため、{}にできません。",
    "Mailing {} was cancelled; nothing of it is sent again.": (
        "配信{}は中止されたため、送り直しません。"
    ),
    "The issue changed since approval was asked for.": (
        "承認を依頼したあとに、号の内容が変わりました。"
    ),
    "Ask for it again.": "もう一度依頼してください。",
    "A second person has not approved this issue as it is now.": (
        "今の内容は、まだ二人目の承認を受けていません。"
    ),
    "Ask for approval on the issue's sending page.": "送信の画面で承認を依頼してください。",
    "The issue changed since you looked at it.": "確認したあとに、号の内容が変わりました。",
    "Issue {} is scheduled as mailing {} and cannot be changed.": (
        "号{}は配信{}として予約しているため、変更できません。"
    ),
    "Cancel that mailing first, or start a new issue from this one.": (
        "先にその配信を中止するか、この号を複製して新しい号を作ってください。"
    ),
    "Issue {} was sent; what was sent does not change.": (
        "号{}は送信済みです。送信した内容は変更できません。"
    ),
    "Start a new issue from it, with a date or number of its own.": (
        "複製して、発行日か号数の異なる新しい号を作ってください。"
    ),
    "This issue was sent meanwhile, so this change is not saved.": (
        "この号は編集中に送信されたため、変更は保存されていません。"
    ),
    "Press Save to go on with it in a new issue.": (
        "「保存」を押すと、ここまでの内容を新しい号の下書きとして保存します。"
    ),
    "Somebody who was asked cannot approve this.": (
        "指定した人の中に、この号を承認できない人がいます。"
    ),
    "Say what to change, in at most {} characters.": (
        "直してほしい点を{}文字以内で書いてください。"
    ),
    "This content is approved already.": "この内容はすでに承認されています。",
    "Approval was asked of somebody else.": "この承認は、別の人に依頼されています。",
    "Look again, then send it.": "もう一度確かめてから送ってください。",
    "Preflight found errors; mend them first.": (
        "送信前の点検でエラーが見つかりました。先に直してください。"
    ),
    "Preflight found errors.": "送信前の点検でエラーが見つかりました。",
    "Mend them first.": "先に直してください。",
    "Preflight found warnings; say that it is to be sent with them.": (
        "送信前の点検で注意が見つかりました。承知のうえで送るかどうかを選んでください。"
    ),
    "It was sent before; say that it is to be sent again.": (
        "この号は送信済みです。もう一度送るかどうかを選んでください。"
    ),
    "That hour has passed already.": "その時刻は過ぎています。",
    "That hour is more than {} days off.": "その時刻は{}日より先です。",
    "See whether the year fits.": "年が正しいか確かめてください。",
    "This key ordered another issue.": "このキーでは別の号がすでに送信されています。",
    "Choose another key.": "別のキーを指定してください。",
    "Nobody would get it.": "届ける相手がいません。",
    "Spread it over 0 to {} hours.": "0から{}時間までにしてください。",
    "{} is no date with a time.": "{}は日時として読めません。",
    "Write it as 2026-12-01 08:00, on the newsletter's clock.": (
        "2026-12-01 08:00のように、ニュースレターのタイムゾーンで書いてください。"
    ),
    "There is no address.": "アドレスがありません。",
    "Write one address a line.": "1行に1件ずつ書いてください。",
    "A test goes to at most {} addresses.": "テストを送れるのは{}件までです。",
    "One of the addresses asked never to get mail again.": (
        "もうメールを受け取らないと求められたアドレスが含まれています。"
    ),
    "A group needs a name of at most 64 characters.": (
        "グループの名前を64文字以内で付けてください。"
    ),
    "The issue cannot be rendered; see what preflight found.": (
        "この号はメールにできません。送信前の点検を見てください。"
    ),
}

_HALTS = {
    "Paused by {}.": "{}が一時停止しました。",
    "It cannot be planned. {}": "宛先を決められません。{}",
    "There is no segment {}.": "セグメント{}はありません。",
    (
        "Its hour passed while no worker ran, longer ago than GRACE_MINUTES. "
        "Resume it to send it now, or cancel it."
    ): (
        "配信の時刻にワーカーが動いておらず、GRACE_MINUTESを超えて遅れました。"
        "今から送るなら再開し、送らないなら中止してください。"
    ),
    (
        "{} of {} recipients are not known to have got mailing {}; who got it since the backup "
        "gets it twice."
    ): (
        "{}人（全{}人）は、配信{}を受け取った記録がありません。バックアップより後に受け取っていた人には"
        "2通届きます。"
    ),
    "Settle it from former journals or the relay's log first, or resume it even so.": (
        "以前の送信記録か中継サーバーのログで先に確定するか、それでよければ再開してください。"
    ),
    (
        "The database was restored, or failed over, to its state of {}. What workers' journals "
        "know is brought back; see how many are not known to have got this mailing, then resume "
        "or cancel it."
    ): (
        "データベースが{}の状態に戻りました（復元または切り替え）。ワーカーの送信記録にある分は"
        "台帳へ戻します。受け取った記録のない人数を確かめてから、再開か中止をしてください。"
    ),
    (
        "No worker ran since {}, longer than GRACE_MINUTES. Resume this mailing if it is "
        "still wanted, or cancel it."
    ): (
        "{}からGRACE_MINUTESを超えてワーカーが動いていませんでした。"
        "まだ必要なら再開し、そうでなければ中止してください。"
    ),
}

_OPERATING = {
    "Copy the journals anew, or take out what is none.": (
        "ジャーナルをコピーし直すか、ジャーナルでないものを取り除いてください。"
    ),
    "This is no file.": "ファイルではありません。",
    "This line is none of a journal's.": "この行はジャーナルの行ではありません。",
    "{} is not held.": "{}は止められていません。",
    "{} is no domain.": "{}はドメインではありません。",
    "Write it as in example.jp.": "example.jpのように書いてください。",
    "The relay {} is not held.": "中継サーバー{}は止められていません。",
    "The worker {} is not drained.": "ワーカー{}は受付停止中ではありません。",
    "Nothing follows from bounce {} that could be undone.": (
        "不達{}から取り消せるものはありません。"
    ),
    "Incident {} is closed.": "事象{}は処理済みです。",
    "The address was erased on its owner's wish; only they can come back.": (
        "本人の希望で消去されたアドレスです。戻れるのは本人だけです。"
    ),
}

_WRITING = {
    "The address {} cannot stand in a mail.": "アドレス{}はメールに載せられません。",
    "Write it in full, beginning with {}.": "{}で始まる形で、省略せずに書いてください。",
    "The picture has {} MB; {} MB is the limit.": "画像が{} MBあります。{} MBまでです。",
    "Save it smaller.": "小さくして保存してください。",
    "The picture has no alternative text.": "画像に代替テキストがありません。",
    "Say what it shows, for readers who do not see it.": (
        "画像が見えない読者のために、何の画像かを書いてください。"
    ),
    "This is no picture that can be read.": "画像として読めません。",
    "Use a PNG, JPEG, GIF or WebP file.": "PNG、JPEG、GIF、WebPのいずれかにしてください。",
    "The picture has {} x {} pixels.": "画像が{}×{}ピクセルあります。",
    "Save it with {} pixels across.": "幅{}ピクセルで保存してください。",
    "The issue has no date.": "発行日がありません。",
    "Put the date on a line of its own near the top, such as 2021.10.21.": (
        "初めの方に、2021.10.21のように日付だけの行を置いてください。"
    ),
    "The issue has no title.": "件名がありません。",
    "Put the title on the line below the date.": "日付の次の行に件名を置いてください。",
    "Write one; it becomes the subject.": "書いてください。メールの件名になります。",
    "Write one.": "書いてください。",
    "There is no such day as {}.": "{}という日はありません。",
    "A heading stands within the text.": "本文の中に見出しがあります。",
    "Make a chapter, section or item of it; or put a backslash before the #.": (
        "章・節・記事にするか、#の前に\\を置いてください。"
    ),
    "A footnote hangs on a heading.": "見出しに脚注が付いています。",
    "Put its sign into the text below.": "脚注の印は下の本文に付けてください。",
    "A picture stands in the cell of a table or in a footnote.": (
        "表のセルまたは脚注の中に画像があります。"
    ),
    "Put it above or below.": "上か下に置いてください。",
    "A comment does not end in the paragraph in which it begins.": (
        "コメント（<!--）が、始まった段落の中で閉じていません。"
    ),
    "Give it lines of its own, or write \\< for a sign that is text.": (
        "コメントだけの行に分けるか、文字として書く場合は\\<としてください。"
    ),
    "A footnote stands within a footnote.": "脚注の中に脚注があります。",
    "Make one note of both.": "一つの脚注にまとめてください。",
    "A footnote holds more than running text.": "脚注に文章以外のものがあります。",
    "Write it as a paragraph, without lists, quotations or tables.": (
        "箇条書き、引用、表を使わず、文章で書いてください。"
    ),
    "The footnotes are too long.": "脚注が長すぎます。",
    "Shorten them.": "短くしてください。",
    "Lists, quotations or marks stand too deep within each other.": (
        "箇条書き、引用、強調などの入れ子が深すぎます。"
    ),
    "Take some of them out.": "入れ子を減らしてください。",
    "The tables have more than {} cells.": "表のセルが全部で{}個を超えています。",
    "Put large tables on a web page, and link to it.": (
        "大きな表はウェブページに置き、そこへのリンクを載せてください。"
    ),
    "This row of a table has {} cells, its head {}.": (
        "表のこの行にはセルが{}個ありますが、見出しの行には{}個しかありません。"
    ),
    "Give the head as many cells; write \\| for a bar that is none.": (
        "セルの数をそろえてください。区切りでない縦線は\\|と書きます。"
    ),
    "The footnote {} is written twice.": "脚注{}が2回書かれています。",
    "Nothing refers to the footnote {}.": "脚注{}は本文のどこからも参照されていません。",
    "Put its sign where it belongs, or write \\[ for a bracket that is text.": (
        "本文に脚注の印を付けるか、文字としての角括弧は\\[と書いてください。"
    ),
    "Nothing refers to the link {}.": "リンクの定義{}は本文のどこからも使われていません。",
    "Use it, take the line out, or write \\[ for a bracket that is text.": (
        "本文で使うか、行を取り除いてください。文字としての角括弧は\\[と書きます。"
    ),
    "The link {} is defined twice.": "リンク{}の定義が2回書かれています。",
    "Give one another name.": "一方を別の名前にしてください。",
    "The front matter has more than {} octets.": "冒頭の設定欄が{}バイトを超えています。",
    "Put the text of the issue below it.": "本文は冒頭の設定欄の下に書いてください。",
    "it is nested too deeply": "入れ子が深すぎます",
    "The field {} holds a control character: {}.": "項目{}に制御文字があります：{}",
    "Take it out.": "取り除いてください。",
    "The front matter does not end.": "冒頭の設定欄（---）が閉じていません。",
    "Close it with a line of three hyphens.": "ハイフン3つの行で閉じてください。",
    "The front matter is no YAML: {}.": "冒頭の設定欄がYAMLとして読めません：{}",
    "Put values that hold a colon or begin with a sign into quotes.": (
        "コロンを含む値や記号で始まる値は、引用符で囲んでください。"
    ),
    "The front matter cannot be read: {}.": "冒頭の設定欄を読めません：{}",
    "See docs/content.md for the fields of the front matter.": (
        "使える項目は、title、date、number、preheader、masthead、credits、templateなどです。"
    ),
    "The file has {} octets; an issue has at most {}.": (
        "ファイルが{}バイトあります。{}バイトまでです。"
    ),
    "The text is neither Markdown with front matter nor a digest.": (
        "冒頭の設定欄のあるMarkdownでも、ダイジェスト形式でもありません。"
    ),
    "Begin with a line of --- and the front matter; or with a line of the date, such as "
    "2021.10.21, and give headings their marks: 1. or ■ or 【】.": (
        "---の行と冒頭の設定欄から始めるか、2021.10.21のような日付の行から始めて、見出しに"
        "「1.」「■」「【】」を付けてください。"
    ),
    "The front matter lacks the field {}.": "冒頭の設定欄に項目{}がありません。",
    "Write it into the front matter; title and date are needed.": (
        "冒頭の設定欄に書いてください。titleとdateは必須です。"
    ),
    "The front matter holds fields that no issue has: {}.": (
        "冒頭の設定欄に使えない項目があります: {}"
    ),
    "Take them out; an issue has {}.": "取り除いてください。使える項目は{}です。",
    "The address is a field of another mail system: {}.": (
        "リンクの宛先が、ほかの配信システムの差し込み項目です: {}"
    ),
    "Write the address, or take the link out; each mail says by itself how to leave, and where to "
    "read it on the web.": (
        "宛先のアドレスを書くか、リンクを取り除いてください。配信停止とウェブ版へのリンクは、"
        "どのメールにも自動で入ります。"
    ),
    "The text does not begin with front matter.": "冒頭の設定欄から始まっていません。",
    "Begin with a line of three hyphens, then title and date.": (
        "ハイフン3つの行で始め、titleとdateを書いてください。"
    ),
    "{} is no chapter number.": "{}は章番号ではありません。",
    "Write 1 to 999, or nothing.": "1から999まで、または空にしてください。",
    "It has {} characters; 300 are the most.": "{}文字あります。300文字までです。",
    "Shorten it.": "短くしてください。",
    "The link {} has no address.": "リンク{}に宛先がありません。",
    "Write the address, or clear the words.": "宛先を書くか、文字を消してください。",
    "{} is no date.": "{}は日付ではありません。",
    "{} is no language.": "{}は言語の名前ではありません。",
    "Write ja or en.": "jaかenと書いてください。",
    "Write it as 2026-12-01.": "2026-12-01のように書いてください。",
    "The text is in no encoding known here.": "文字コードが分かりません。",
    "Save it as UTF-8.": "UTF-8で保存してください。",
    "There is already an issue {}.": "号{}はすでにあります。",
    "Give this one another date or number, or open that one.": (
        "日付か号数を変えるか、そちらを開いてください。"
    ),
    "There is no text.": "本文がありません。",
    "Paste one, or choose a file.": "貼り付けるか、ファイルを選んでください。",
    "There is no such block any more.": "このブロックはもうありません。",
}

_LISTS = {
    "There is no address.": "メールアドレスがありません。",
    "It holds half of a character: an escape such as \\ud83d without the one that follows it.": (
        "\\ud83dのような、後半の欠けた文字の指定があります。"
    ),
    "This line is no JSON object.": "この行はJSONのオブジェクトではありません。",
    "This line is not UTF-16, which the list begins in.": (
        "この行は、名簿の初めと同じUTF-16ではありません。"
    ),
    "Was the file cut short? Save it again.": (
        "ファイルが途中で切れていないか確かめ、保存し直してください。"
    ),
    "A quotation mark is missing in this row, or stands within a field.": (
        'この行では、引用符（"）が足りないか、項目の途中にあります。'
    ),
    "This row goes on beyond 1000 lines or 1 MiB; is a quotation mark missing in it?": (
        'この1件は、改行を含めて1000行または1MiBを超えています。引用符（"）が足りないか確かめてください。'
    ),
    "{} is no mail address: {}": "{}はメールアドレスではありません。{}",
    "It needs one @, with something before and after it.": (
        "@は1つだけで、その前後に文字が必要です。"
    ),
    "Its part before the @ has more than 64 octets.": "@より前が64バイトを超えています。",
    "What stands in its quotes cannot be mailed.": "引用符の中の文字には送れません。",
    "A blank stands in its part before the @.": "@より前に空白があります。",
    "Before the @, dots stand in a row or at an end.": (
        "@より前で、ドットが続いているか、端にあります。"
    ),
    "Before the @, it has characters that no address has.": (
        "@より前に、アドレスに使えない文字があります。"
    ),
    "What stands after the @ is no domain.": "@より後がドメインとして正しくありません。",
    "After the @, a domain with a dot is missing.": "@より後に、ドットのあるドメインが必要です。",
    "There is no top-level domain .{}.": "「.{}」で終わるドメインは存在しません。",
    "No carrier gave out such an address.": "携帯電話会社のアドレスとして正しくありません。",
    "Taken with a warning: {}.": "注意して取り込みます：{}。",
    "characters without width, left out": "見えない文字を除きました",
    "blanks, commas or semicolons, left out": "空白や区切りの記号を除きました",
    "a name or brackets around the address, left out": "名前や括弧を除きました",
    "mailto: before the address, left out": "mailto:を除きました",
    "full-width characters, read as usual ones": "全角の文字を半角として読みました",
    "quotes around its first part, left out": "引用符を除きました",
    "dots in a place that only an old carrier address has them": (
        "以前の携帯電話のアドレスにだけある位置にドットがあります"
    ),
    "this is the name of no language, so the newsletter's holds": (
        "言語の名前として読めないため、ニュースレターの言語とします"
    ),
    "this is the name of no time zone, so the newsletter's holds": (
        "時間帯の名前として読めないため、ニュースレターのタイムゾーンとします"
    ),
    "this cannot be read as a date, such as 2026-01-31, and is left out": (
        "日付（例：2026/1/31）として読めないため、使いません"
    ),
    "a column speaks against mail to this person, so none is sent": (
        "配信を望まないことを示す列があるため、配信しません"
    ),
    "this date lies in the future, and is left out": "日付が未来のため、使いません",
    "This state is not known here, so nobody can tell whether this person wants mail.": (
        "この状態の語が分からないため、配信してよいか判断できません。"
    ),
    "The list says that this person never subscribed.": (
        "名簿によると、この人は購読していません。"
    ),
    "The columns {} and {} are taken for the same thing.": (
        "列{}と列{}が同じ項目として読まれます。"
    ),
    "Rename one, or leave it out: --map COLUMN=-.": (
        "どちらかを「取り込まない」にするか、列の名前を変えてください。"
    ),
    "It is suppressed.": "配信除外のアドレスです。",
    "It is suppressed: this person was erased.": (
        "配信除外のアドレスです。この人のデータは本人の希望で消去されています。"
    ),
    "This person left; only their own new consent brings them back.": (
        "配信を停止した人です。本人の新しい同意がなければ戻せません。"
    ),
    "The attributes are no JSON object.": "属性がJSONのオブジェクトではありません。",
    "A tag has up to 64 printable characters.": "タグは64文字までで、制御文字は使えません。",
    "This cannot name an attribute.": "属性の名前に使えません。",
    "The value holds a control character.": "値に制御文字があります。",
    "An attribute is text, a number, true or false.": "属性は文字、数、真偽のどれかです。",
    "The number is too large.": "数が大きすぎます。",
    "The attributes have more than 16 KiB.": "属性が16 KiBを超えています。",
    "There is a newsletter {} already.": "ニュースレター{}はすでにあります。",
    "{} cannot name a segment.": "{}はセグメントの名前にできません。",
    "Use letters, digits, hyphens.": "文字、数字、ハイフンを使ってください。",
    "There is a segment {} already.": "セグメント{}はすでにあります。",
    "Delete it first.": "先に削除してください。",
    "An import needs the basis of consent, in up to 64 characters.": (
        "取り込みには同意の根拠が必要です（64文字以内）。"
    ),
    "Name it with --basis.": "根拠を書いてください。",
    "The list has no column {}.": "名簿に列{}がありません。",
    "It has: {}.": "あるのは{}です。",
    "The list has no column of addresses.": "名簿にアドレスの列がありません。",
    "Name it email or メールアドレス in line 1, or use --map COLUMN=address.": (
        "1行目でemailかメールアドレスと名付けるか、どの列かを選んでください。"
    ),
    "{} is nothing to map {} to.": "{}という項目はありません（列{}）。",
    "This line has more than 1 MiB.": "この行は1 MiBを超えています。",
    "Is it a list? Each subscriber has a line.": "名簿でしょうか。1人が1行です。",
    "This is neither UTF-8, Shift_JIS (CP932), EUC-JP nor ISO-2022-JP, or a mixture.": (
        "UTF-8、Shift_JIS（CP932）、EUC-JP、ISO-2022-JPのどれでもないか、混ざっています。"
    ),
    "The list is empty.": "名簿が空です。",
    "Choose a file.": "ファイルを選んでください。",
    "The list has more than {} MB.": "名簿が{} MBを超えています。",
    "Import it with newsletter subscriber import.": (
        "newsletter subscriber importコマンドで取り込んでください。"
    ),
    "Save the list as UTF-8.": "名簿をUTF-8で保存してください。",
    "This line is not {}, which the lines before are in.": (
        "この行は、前の行の文字コード{}では読めません。"
    ),
    "The list mixes encodings; save it as UTF-8 from one program.": (
        "文字コードが混ざっています。一つのソフトでUTF-8に保存し直してください。"
    ),
}

_SEGMENTS = {
    "The segment has more than {} characters.": "条件式が{}文字を超えています。",
    "Mark the people with a tag, and ask for the tag.": (
        "対象者にタグを付け、タグで選んでください。"
    ),
    "This string does not end.": "文字列が閉じていません。",
    'End it with ". Write \\" within.': '"で閉じてください。中では\\"と書きます。',
    "{} means nothing here.": "{}はここでは意味を持ちません。",
    "Strings stand in double quotes.": '文字列は"で囲みます。',
    "{} is missing.": "{}がありません。",
    "Write {} here.": "ここに{}を書いてください。",
    "{} was not expected.": "{}の位置が違います。",
    "Join conditions with and, or; enclose groups in parentheses.": (
        "条件はandかorでつなぎ、まとまりは括弧で囲んでください。"
    ),
    "This is nested too deep.": "入れ子が深すぎます。",
    "Save parts as tags.": "一部をタグにしてください。",
    "There are more than {} conditions.": "条件が{}個を超えています。",
    "Use in (…).": "in (…)を使ってください。",
    "A condition is missing.": "条件がありません。",
    "{} is no field.": "{}という項目はありません。",
    "There are attributes.NAME, {}, {}.": "使えるのはattributes.NAME、{}、{}です。",
    "{} needs {}.": "{}には{}が必要です。",
    "Write {}.": "{}と書いてください。",
    "{} days are too many.": "{}日は長すぎます。",
    "Write at most {}.": "{}以下にしてください。",
    "Here a whole number is needed.": "ここには整数が必要です。",
    "Write one, such as 30.": "30のように書いてください。",
    "This names no attribute.": "属性の名前ではありません。",
    'Write attributes.city or attributes."home city".': (
        'attributes.cityかattributes."home city"のように書いてください。'
    ),
    "After {} a comparison is missing.": "{}のあとに比較がありません。",
    "Write =, !=, <, <=, >, >=, contains, starts with, ends with or in (…).": (
        "=、!=、<、<=、>、>=、contains、starts with、ends with、in (…)のどれかを書いてください。"
    ),
    "{} compares with a date.": "{}は日付と比べます。",
    "Write {} >= 2026-01-31, or {} >= 30 days ago.": (
        "{} >= 2026-01-31か{} >= 30 days agoのように書いてください。"
    ),
    "{} compares with text.": "{}は文字列と比べます。",
    'Write it as "text".': '"text"のように書いてください。',
    "A tag is compared whole.": "タグは全体で比べます。",
    'Write tag = "press".': 'tag = "press"のように書いてください。',
    "{} needs text.": "{}には文字列が必要です。",
    "{} compares numbers and dates.": "{}は数と日付を比べます。",
    "Leave the quotes away.": "引用符を外してください。",
    "Too many days, or too few.": "日数が多すぎるか、少なすぎます。",
    "Write 30 days ago.": "30 days agoのように書いてください。",
    "Here a value is needed, not {}.": "ここには値が必要です（{}ではなく）。",
    "Here a value is missing.": "ここに値がありません。",
    'Write "text", 12, 2026-01-31, 30 days ago, true or false.': (
        '"text"、12、2026-01-31、30 days ago、true、falseのように書いてください。'
    ),
    "There is no day {}.": "{}という日はありません。",
    "See a calendar.": "カレンダーで確かめてください。",
    "{} is too far away.": "{}は範囲外の日付です。",
    "Use years from 1900 to 2200.": "1900年から2200年までにしてください。",
}

JAPANESE: Mapping[str, str] = (
    _ACCOUNTS | _FORMS | _SENDING | _HALTS | _OPERATING | _WRITING | _LISTS | _SEGMENTS
)
#: Where an input is named in its place.
_SOURCES = {"segment": "条件式", "form": "フォーム", "editor": "編集画面", "newsletter": "設定"}


def tell(error: NewsletterError, language: Language) -> str:
    """Return what an error says: where, what and what to do."""
    if language is not Language.JAPANESE:
        return str(error)
    words = worded(error.message, language) + worded(error.advice, language)
    return f"{_placed(error)}{words}"


def _placed(error: NewsletterError) -> str:
    if error.place is None:
        return ""
    source = _SOURCES.get(error.place.source, error.place.source)
    column = re.fullmatch(r"column (\d+)", error.place.field or "")
    if column:
        return f"{source}の{column[1]}文字目："
    line = f" {error.place.line}行目" if error.place.line is not None else ""
    return f"{source}{line}："


def worded(message: Message, language: Language) -> str:
    """Return a message in a language; by this table where no catalogue has it yet."""
    text = message.in_language(language)
    if language is not Language.JAPANESE or text != str(message):
        return text
    return in_japanese(text)


def in_japanese(sentence: str) -> str:
    """Return a sentence in Japanese; as it is where the table does not have it."""
    exact = JAPANESE.get(sentence)
    if exact is not None:
        return exact
    for pattern, words in _patterns():
        if found := pattern.fullmatch(sentence):
            return words.format(*(_quoted(value) for value in found.groups()))
    return sentence


def _quoted(value: str) -> str:
    """Set what Python wrote in quotes into Japanese ones; a sentence within a sentence, too."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return f"「{value[1:-1]}」"
    return in_japanese(value)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the sentences with gaps, those with the most fixed words first."""
    gapped = sorted((one for one in JAPANESE if "{}" in one), key=len, reverse=True)
    return tuple(
        (re.compile("(.+?)".join(map(re.escape, one.split("{}"))), re.DOTALL), JAPANESE[one])
        for one in gapped
    )
