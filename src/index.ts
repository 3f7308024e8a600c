/** `waybill`: what your transaction commits, the world receives. Stores and drivers are subpaths of their own. */
export { defineConfig, type WaybillConfig } from './config.js'
export { createWaybill, type Waybill } from './waybill.js'
export type { OffsetOptions, WaybillOptions } from './waybill-options.js'
export type { Store, SyncStore } from './store.js'

export { jsonCodec, type Codec } from './core/codec.js'
export {
  DEFAULT_DEAD_RETENTION_MS, DEFAULT_DEDUPE_RETENTION_MS, DEFAULT_INBOX_RETENTION_MS,
  DEFAULT_JOURNAL_RETENTION_MS, DEFAULT_RETAIN_DELIVERED_MS,
} from './core/limits.js'
export type { Clock } from './core/environment.js'
export {
  isWaybillError, WaybillError, type ErrorDetails, type WaybillErrorCode, type WaybillErrorOptions,
} from './core/errors.js'
export { CLASSIC_RETRY, DEFAULT_RETRY, type RetryPolicy } from './core/retry.js'
export { DEFAULT_SCOPE, scopedKey, scopeId, unscopedKey, type ScopeId } from './core/scope.js'
export type { Driver, SqlExecutor, SqlRow, SqlStatement, SqlValue, SyncDriver, SyncSqlExecutor } from './core/sql.js'
export type { StandardSchema } from './core/standard-schema.js'
export type { U64 } from './core/u64.js'
export {
  permanentError, throttledError, type DeliveryContext, type Envelope, type Transport,
} from './core/transport.js'

export type {
  ConfirmRequest, DrainRequest, HeapListRequest, HeapPurgeRequest, HeapStore,
} from './deadletters/contract.js'
export {
  DEAD_LETTER_SOURCES, type DeadEntry, type DeadLetter, type DeadLetterAnswer, type DeadLetterDetails,
  type DeadLetterSource, type DeadMessage, type DeadPublication, type DeadResultLetter,
} from './deadletters/dead-letter.js'
export type {
  AllDeadLettersOptions, DeadLetterPage, DeadLetterProgress, DeadLetters, ListDeadLettersOptions,
  PurgeDeadLettersOptions, ResolvedDeadLetters,
} from './deadletters/dead-letters.js'
export type { DlqHeap, HeapEntry, HeapListOptions, HeapPlace, HeapRecord } from './deadletters/heap.js'
export type { DeadLetterFilter, RedriveLetterOptions } from './deadletters/source.js'
export {
  CLASSIC_DLQ_INTERVAL_MS, CLASSIC_DLQ_THRESHOLD, DlqProcessor, type DlqCounters, type DlqProcessorOptions,
  type DlqTick,
} from './deadletters/processor.js'
export {
  DEFAULT_DRAIN_LEASE_MS, type HeapOptions, type HeapPurgeOptions, type StoredHeap,
} from './deadletters/stored-heap.js'

export type {
  Checkpoint, CheckpointStore, DeadResult, DeadResultDraft, DeadResultsRequest, DiscardResults, SaveCheckpoints,
  StoredCheckpoint, SubscribersRequest, SubscriberState, TakeSubscriber,
} from './feeds/checkpoints.js'
export type { ChangeDraft, RowDraft, RowIdentity } from './feeds/changes.js'
export type {
  FeedCapabilities, FeedCommit, FeedPage, FeedPageRead, FeedSnapshotRead, FeedsRequest, FeedStore, FeedSummary,
  LiveResults, LiveRow, LogEntry, NewFeed, ResultLog, RowMutation,
} from './feeds/contract.js'
export type { CommitResult, Feed } from './feeds/feed.js'
export type { FeedOptions } from './feeds/feed-options.js'
export type {
  AfterOptions, FeedChanges, FeedGap, FeedMissing, FeedPlace, FeedReader, FeedResults,
} from './feeds/feed-reader.js'
export type { FeedHandler } from './feeds/http-handler.js'
export type { FeedHandlerOptions } from './feeds/http-options.js'
export { toNodeListener } from './feeds/node-listener.js'
export type { Change, ChangeOp, FeedRow, FeedState, Result } from './feeds/result.js'
export { configHash, rowSignature } from './feeds/signature.js'
export type { FeedSnapshot } from './feeds/snapshot.js'
export type { TransactionFeed } from './feeds/transaction-feed.js'

export type {
  InboxAnswer, InboxCapabilities, InboxPlace, InboxPurgeRequest, InboxStore, OnConcurrent, RecordRequest,
  SyncInboxRecords,
} from './inbox/contract.js'
export type { Inbox, InboxPurgeOptions } from './inbox/inbox.js'
export type {
  IdentifiedMessage, InboxResult, InboxSkip, ManyResult, ProcessOptions,
} from './inbox/request.js'
export type { SyncInbox } from './inbox/sync-inbox.js'

export type {
  AgedEvents, JournalCapabilities, JournalFilter, JournalPage, JournalStore, PagesRead, PartRead, PruneRequest,
  PruneResult, StorePage, StreamRead, StreamsRead,
} from './journal/contract.js'
export type { AppendOptions } from './journal/encode.js'
export type {
  AppendResult, EventPlace, JournalEvent, JournalEventDraft, NewBatch, NewEvent, StreamName, StreamSummary,
} from './journal/event.js'
export type { EventMessageOptions, EventPointer } from './journal/event-message.js'
export {
  Journal, type AppendToOptions, type HeadOptions, type JournalOptions, type PageOptions,
  type ReadOptions, type StreamOptions, type StreamsOptions,
} from './journal/journal.js'
export type {
  DeadDraft, DeadEvent, DeadLettersRequest, GiveRequest, HeldDraft, HeldStream, HoldsRequest, JoinRequest, PartProgress,
  ProgressStore, PublisherPart, PublishersRequest, PublisherState, PublisherSummary, RebaseRequest, ResolveDeadEvents,
  RewindRequest, SaveRequest, SlotMask, TakeRequest,
} from './journal/progress.js'
export type { Follow } from './journal/follow.js'
export type {
  FailurePolicy, PublishedEvent, PublisherOptions, PublishOptions, PublishToTransportOptions, Upcast,
} from './journal/publisher-options.js'
export {
  JOURNAL_LANE, MANIFEST_HEADER, SEQUENCE_HEADER, STREAM_HEADER,
} from './journal/publisher-delivery.js'
export { Publisher } from './journal/publisher.js'
export {
  Publishers, type DeadEventsOptions, type PublishersOptions, type PublisherStatus, type RebaseOptions, type Replay,
  type ReplayFrom, type ReplayOptions,
} from './journal/publishers.js'
export type { PublisherLag } from './journal/publisher-source.js'
export type { FollowerLoss } from './journal/journal-followers.js'
export type { PruneOptions, PruneReport } from './journal/retention.js'
export { JournalOffsetStore, type JournalOffsetOptions } from './journal/journal-offset-store.js'
export { offsetKey, type OffsetStore, type SavedOffsets } from './journal/offset-store.js'
export type { SyncJournal } from './journal/sync-journal.js'
export { ScopedJournalStore } from './journal/scoped-store.js'

export {
  DEFAULT_MAINTENANCE_INTERVAL_MS, type MaintenanceOptions,
} from './maintenance/maintenance-options.js'
export { MAINTAINED_KINDS, type MaintainedKind, type MaintainedStore, type RetentionAge } from './maintenance/chores.js'
export { Maintenance, type MaintenanceRun } from './maintenance/maintenance.js'
export type {
  BatchReport, KindReport, MaintenanceCounters, MaintenanceReport,
} from './maintenance/report.js'

export type {
  ClaimRequest, DeadAnswer, ExtendRequest, FailedAttempt, LaneOrdering, LaneOrderings, ListFilter, NewPayload,
  OutboxCapabilities, OutboxClaim, OutboxSettings, OutboxStats, OutboxStore, PausedQueue, PauseRequest, PayloadEdit,
  PurgeRequest, PurgeResult, QuarantineAnswer, QuarantineEntry, QuarantineRequest, ResolveDeadRequest, SettleAnswer,
  SettleOutcome, SettleRequest, StatsFilter,
} from './outbox/contract.js'
export type { DeadLetterGroup, DeadLetterGroups, DeadLetterGroupsOptions } from './outbox/dead-letter-groups.js'
export type { FailureHeap, HeapError } from './outbox/heap-notes.js'
export { defineEvents, type EventDefinition, type EventDefinitions } from './outbox/events.js'
export type { DerivedKey, DraftWithoutKey, IdempotencyStrategy } from './outbox/idempotency.js'
export type { LaneDeclaration, LaneDeclarations } from './outbox/lanes.js'
export {
  CLASSIC_MAX_ATTEMPTS, DEFAULT_LANE, DEFAULT_MAX_ATTEMPTS, DEFAULT_TARGET, OUTBOX_LANE_CANONICAL,
  OUTBOX_LANE_PROTOCOL_REPLAY, OUTBOX_STATUSES, OUTBOX_TARGET_A2A_WEBHOOK, OUTBOX_TARGET_PROTOCOL_FANOUT,
  OUTBOX_TARGET_PROTOCOL_PROJECTOR, type EnqueueResult, type NewMessage, type OutboxMessage, type OutboxMessageDraft,
  type OutboxStatus,
} from './outbox/message.js'
export {
  Outbox, type ClaimOptions, type ListOptions, type NackRetry, type OutboxOptions,
  type PurgeOptions, type RedriveOptions,
} from './outbox/outbox.js'
export type { QuarantineDraft } from './outbox/quarantine.js'
export type { ResolveAllOptions, ResolvedAll, ResolveProgress } from './outbox/resolve-all.js'
export type { EventOutbox, SyncEventOutbox } from './outbox/event-outbox.js'
export type { Handler, HandlerContext, RelayOptions } from './outbox/relay-options.js'
export { REDRIVEN_HEADER } from './outbox/relay-delivery.js'
export { Relay, type RelayEvents } from './outbox/relay.js'
export type {
  ConfirmedMessage, ReservationHold, ReservationKey, ReservationProvider, ReserveAnswer,
} from './outbox/reservation.js'
export {
  DEFAULT_RESERVATION_KEEP_MS, DEFAULT_RESERVATION_TTL_MS, RESERVATION_COOL_DOWN_MS, type ReservationOptions,
} from './outbox/reservations.js'
export { ScopedOutboxStore } from './outbox/scoped-store.js'
export type { RunnerLogger } from './runner/log.js'
export type { Meter, MetricAttributes } from './runner/meter.js'
export type { AnyFeed } from './feeds/feed.js'
export type { GapReason, GapReport, LostRange, RecoveryPolicy } from './feeds/feed-recovery.js'
export type { SubscriberEventName, SubscriberEvents } from './feeds/subscriber-events.js'
export type {
  BatchingOptions, BatchSubscriberOptions, ResultContext, ResultFailurePolicy, ResultSubscriberOptions,
  SnapshotContext, SubscriberOptions, SubscriberStart,
} from './feeds/subscriber-options.js'
export { Subscriber } from './feeds/subscriber.js'
export {
  Subscribers, type DeadLettersOptions, type Redrive, type ResultDeadLetter, type StoredSubscriber, type SubscribedFeed,
  type SubscribersOptions,
} from './feeds/subscribers.js'
export type {
  FeedLag, SubscribedFeedStatus, SubscribedState, SubscriberLag, SubscriberStatus,
} from './feeds/subscriber-status.js'
