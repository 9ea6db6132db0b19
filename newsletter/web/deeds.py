"""What the audit log's actions are called on its page; the log itself keeps their codes."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.accounts.audit import Action
from newsletter.i18n.language import Said

DEEDS: Mapping[Action, Said] = {
    Action.ACCOUNT_DISABLE: Said(ja="アカウントを停止", en="Account disabled"),
    Action.ACCOUNT_ENABLE: Said(ja="アカウントを再開", en="Account enabled"),
    Action.ACCOUNT_INVITE: Said(ja="招待", en="Invited"),
    Action.ACCOUNT_JOIN: Said(ja="招待から登録", en="Joined"),
    Action.ACCOUNT_LINK: Said(ja="リンクを発行", en="Link made"),
    Action.ACCOUNT_PASSWORD: Said(ja="パスワードを変更", en="Password changed"),
    Action.ACCOUNT_RECOVERY_CODES: Said(ja="復旧コードを再発行", en="Recovery codes made anew"),
    Action.ACCOUNT_ROLES: Said(ja="権限を変更", en="Roles changed"),
    Action.ACCOUNT_SECOND_FACTOR_OFF: Said(ja="二段階認証を無効化", en="Second factor off"),
    Action.ACCOUNT_SECOND_FACTOR_RESET: Said(
        ja="二段階認証を解除（管理者）", en="Second factor reset"
    ),
    Action.ACCOUNT_SECOND_FACTOR_ON: Said(ja="二段階認証を有効化", en="Second factor on"),
    Action.BOUNCE_UNDO: Said(ja="不達の処置を取り消し", en="Bounce undone"),
    Action.DELIVERY_LEAVE: Said(ja="届いたとみなす", en="Taken as arrived"),
    Action.DELIVERY_PROVE: Said(ja="記録により確定", en="Settled by evidence"),
    Action.DELIVERY_RESEND: Said(ja="不明なものを再送", en="In doubt, sent again"),
    Action.DELIVERY_RETRY: Said(ja="失敗したものを再送", en="Failed, sent again"),
    Action.DOMAIN_HOLD: Said(ja="ドメインを停止", en="Domain held"),
    Action.DOMAIN_RELEASE: Said(ja="ドメインを再開", en="Domain let go"),
    Action.INCIDENT_SETTLE: Said(ja="一斉不達を処置", en="Incident settled"),
    Action.ISSUE_APPROVAL_REQUESTED: Said(ja="承認を依頼", en="Approval asked for"),
    Action.ISSUE_APPROVAL_RETURNED: Said(ja="差し戻し", en="Sent back"),
    Action.ISSUE_APPROVED: Said(ja="承認", en="Approved"),
    Action.ISSUE_CREATE: Said(ja="号を作成", en="Issue begun"),
    Action.ISSUE_DELETE: Said(ja="下書きを削除", en="Draft deleted"),
    Action.ISSUE_DUPLICATE: Said(ja="号を複製", en="Issue duplicated"),
    Action.ISSUE_IMPORT: Said(ja="号を取り込み", en="Issue imported"),
    Action.ISSUE_PUBLISH: Said(ja="配信準備を完了", en="Issue readied"),
    Action.ISSUE_RESTORE: Said(ja="前の版に復元", en="Revision restored"),
    Action.ISSUE_TEST: Said(ja="テスト送信", en="Test sent"),
    Action.KEY_FORGET: Said(ja="失われた署名鍵を放棄", en="Signing key given up"),
    Action.MAILING_CANCEL: Said(ja="配信を中止", en="Mailing cancelled"),
    Action.MAILING_ORDER: Said(ja="配信を実行", en="Mailing ordered"),
    Action.MAILING_PAUSE: Said(ja="配信を一時停止", en="Mailing paused"),
    Action.MAILING_RESUME: Said(ja="配信を再開", en="Mailing resumed"),
    Action.NEWSLETTER_APPROVAL_RULE: Said(ja="承認の設定を変更", en="Approval rule changed"),
    Action.NEWSLETTER_CLICK_RULE: Said(ja="クリック計測を変更", en="Click rule changed"),
    Action.NEWSLETTER_CREATE: Said(ja="ニュースレターを作成", en="Newsletter made"),
    Action.NEWSLETTER_SETTINGS: Said(ja="ニュースレターの設定を変更", en="Settings changed"),
    Action.POLICY_SET: Said(ja="不達の方針を変更", en="Bounce policy changed"),
    Action.RELAY_HOLD: Said(ja="中継サーバーを停止", en="Relay held"),
    Action.RELAY_RELEASE: Said(ja="中継サーバーを再開", en="Relay let go"),
    Action.SEGMENT_SAVE: Said(ja="セグメントを保存", en="Segment saved"),
    Action.SESSION_BEGIN: Said(ja="サインイン", en="Signed in"),
    Action.SESSION_END: Said(ja="サインアウト", en="Signed out"),
    Action.SESSION_REFUSE: Said(ja="サインインを拒否", en="Sign-in refused"),
    Action.SESSION_REVOKE: Said(ja="セッションを失効", en="Session revoked"),
    Action.SUBSCRIBER_ERASE: Said(ja="購読者の個人情報を消去", en="Subscriber erased"),
    Action.SUBSCRIBER_EXPORT: Said(ja="購読者を書き出し", en="Subscribers exported"),
    Action.SUBSCRIBER_IMPORT: Said(ja="名簿を取り込み", en="List imported"),
    Action.SUBSCRIBER_LIFT: Said(ja="配信除外を解除", en="Suppression lifted"),
    Action.SUBSCRIBER_SUPPRESS: Said(ja="配信対象から除外", en="Suppressed"),
    Action.SUBSCRIBER_UNSUBSCRIBE: Said(ja="配信を停止", en="Unsubscribed"),
    Action.SUPPRESSION_LIFT: Said(ja="配信除外を解除", en="Suppression lifted"),
    Action.TEST_GROUP_SAVE: Said(ja="テスト宛先を保存", en="Test group saved"),
    Action.WORKER_DRAIN: Said(ja="ワーカーの受付を停止する", en="Worker drained"),
    Action.WORKER_UNDRAIN: Said(ja="ワーカーを再開", en="Worker goes on"),
}
