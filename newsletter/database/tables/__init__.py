"""The tables, one noun a module; importing this package makes `Base.metadata` complete."""

from newsletter.database.tables.account import (
    AccountRow,
    AccountSessionRow,
    InvitationRow,
    RecoveryCodeRow,
    RoleGrantRow,
    SignInLimitRow,
)
from newsletter.database.tables.address_change import AddressChangeRow
from newsletter.database.tables.audit import AuditEventRow
from newsletter.database.tables.base import Base
from newsletter.database.tables.bounce import BounceRow
from newsletter.database.tables.click import MailingLinkRow
from newsletter.database.tables.consent import ConsentRow, JoinTallyRow
from newsletter.database.tables.correction import CorrectionRow
from newsletter.database.tables.dictionary import DictionaryWordRow
from newsletter.database.tables.digest import DigestEntryRow, DigestRow, DigestRuleRow
from newsletter.database.tables.draft import DraftRevisionRow, DraftRow, LinkCheckRow
from newsletter.database.tables.feedback import (
    BounceDecisionRow,
    CallTokenRow,
    FeedbackPolicyRow,
    IncidentRow,
)
from newsletter.database.tables.field import FieldRow, PeopleGroupRow
from newsletter.database.tables.file import FileRow
from newsletter.database.tables.form import (
    FormRow,
    FormSiteRow,
    FormTallyRow,
    JoinRequestRow,
)
from newsletter.database.tables.growth import GrowthRow
from newsletter.database.tables.heartbeat import DrainedWorkerRow, WorkerHeartbeatRow
from newsletter.database.tables.image import ImageRow
from newsletter.database.tables.import_journal import (
    ImportAddedRow,
    ImportChangeRow,
    ImportSpreadRow,
    ImportTagRow,
)
from newsletter.database.tables.issue import IssueRow
from newsletter.database.tables.join_invitation import JoinInvitationRow
from newsletter.database.tables.library import ContentUseRow, LibraryItemRow
from newsletter.database.tables.lists import (
    ListImportRow,
    ListPieceRow,
    ListProblemsRow,
    ListUploadRow,
    SegmentRow,
    TaggingPageRow,
    TaggingRow,
    TagRow,
)
from newsletter.database.tables.mailing import (
    BatchRow,
    DeliveryRow,
    MailingContentRow,
    MailingRow,
    MailingVariantRow,
)
from newsletter.database.tables.newsletter import NewsletterRow
from newsletter.database.tables.note import NoteRow
from newsletter.database.tables.operation import (
    HeldDomainRow,
    PulseRow,
    RelayRow,
    TallyRow,
    UnknownJournalRow,
)
from newsletter.database.tables.people_view import PeopleViewRow
from newsletter.database.tables.person_merge import PersonMergeRow
from newsletter.database.tables.reuse import IssuePatternRow, RecurrenceRow
from newsletter.database.tables.sending import (
    ApprovalRow,
    IssueCommentRow,
    MailingOrderRow,
    TestGroupRow,
)
from newsletter.database.tables.series import (
    SeriesCopyRow,
    SeriesEnrolmentRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
)
from newsletter.database.tables.signing_key import SigningKeyRow
from newsletter.database.tables.snippet import SnippetRow
from newsletter.database.tables.subject_trial import SubjectTrialRow
from newsletter.database.tables.subscriber import (
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    UnsubscribeEventRow,
)
from newsletter.database.tables.template import TemplateRow, TemplateVersionRow

__all__ = [
    "AccountRow",
    "AccountSessionRow",
    "AddressChangeRow",
    "ApprovalRow",
    "AuditEventRow",
    "Base",
    "BatchRow",
    "BounceDecisionRow",
    "BounceRow",
    "CallTokenRow",
    "ConsentRow",
    "ContentUseRow",
    "CorrectionRow",
    "DeliveryRow",
    "DictionaryWordRow",
    "DigestEntryRow",
    "DigestRow",
    "DigestRuleRow",
    "DraftRevisionRow",
    "DraftRow",
    "DrainedWorkerRow",
    "FeedbackPolicyRow",
    "FieldRow",
    "FileRow",
    "FormRow",
    "FormSiteRow",
    "FormTallyRow",
    "GrowthRow",
    "HeldDomainRow",
    "ImageRow",
    "ImportAddedRow",
    "ImportChangeRow",
    "ImportSpreadRow",
    "ImportTagRow",
    "IncidentRow",
    "InvitationRow",
    "IssueCommentRow",
    "IssuePatternRow",
    "IssueRow",
    "JoinInvitationRow",
    "JoinRequestRow",
    "JoinTallyRow",
    "LibraryItemRow",
    "LinkCheckRow",
    "ListImportRow",
    "ListPieceRow",
    "ListProblemsRow",
    "ListUploadRow",
    "MailingContentRow",
    "MailingLinkRow",
    "MailingOrderRow",
    "MailingRow",
    "MailingVariantRow",
    "NewsletterRow",
    "NoteRow",
    "PeopleGroupRow",
    "PeopleViewRow",
    "PersonMergeRow",
    "PulseRow",
    "RecoveryCodeRow",
    "RecurrenceRow",
    "RelayRow",
    "RoleGrantRow",
    "SegmentRow",
    "SeriesCopyRow",
    "SeriesEnrolmentRow",
    "SeriesMailingRow",
    "SeriesRow",
    "SeriesStepRow",
    "SignInLimitRow",
    "SigningKeyRow",
    "SnippetRow",
    "SubjectTrialRow",
    "SubscriberRow",
    "SubscriptionRow",
    "SuppressionRow",
    "TagRow",
    "TaggingPageRow",
    "TaggingRow",
    "TallyRow",
    "TemplateRow",
    "TemplateVersionRow",
    "TestGroupRow",
    "UnknownJournalRow",
    "UnsubscribeEventRow",
    "WorkerHeartbeatRow",
]
