/** `waybill`: what your transaction commits, the world receives. Stores and drivers are subpaths of their own. */
export { defineConfig, type WaybillConfig } from './config.js'
export { createWaybill, type OffsetOptions, type Waybill, type WaybillOptions } from './waybill.js'
export type { Store, SyncStore } from './store.js'

export { jsonCodec, type Codec } from './core/codec.js'
export { DEFAULT_DEDUPE_RETENTION_MS, DEFAULT_RETAIN_DELIVERED_MS } from './core/limits.js'
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
  Checkpoint, CheckpointStore, DeadResult, DeadResultDraft, DeadResultsRequest, SaveCheckpoints, SubscribersRequest,
  SubscriberState, TakeSubscriber,
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
  ProgressStore, PublisherPart, PublishersRequest, PublisherState, PublisherSummary, RebaseRequest, RewindRequest,
  SaveRequest, SlotMask, TakeRequest,
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

export type {
  ClaimRequest, DeadAnswer, ExtendRequest, FailedAttempt, LaneOrdering, LaneOrderings, ListFilter, OutboxCapabilities,
  OutboxClaim, OutboxSettings, OutboxStats, OutboxStore, PausedQueue, PauseRequest, PurgeRequest, PurgeResult,
  ResolveDeadRequest, SettleAnswer, SettleOutcome, SettleRequest, StatsFilter,
} from './outbox/contract.js'
export { defineEvents, type EventDefinition, type EventDefinitions } from './outbox/events.js'
export type { LaneDeclaration, LaneDeclarations } from './outbox/lanes.js'
export {
  CLASSIC_MAX_ATTEMPTS, DEFAULT_LANE, DEFAULT_MAX_ATTEMPTS, DEFAULT_TARGET, OUTBOX_LANE_CANONICAL,
  OUTBOX_LANE_PROTOCOL_REPLAY, OUTBOX_STATUSES, OUTBOX_TARGET_A2A_WEBHOOK, OUTBOX_TARGET_PROTOCOL_FANOUT,
  OUTBOX_TARGET_PROTOCOL_PROJECTOR, type EnqueueResult, type NewMessage, type OutboxMessage, type OutboxMessageDraft,
  type OutboxStatus,
} from './outbox/message.js'
export {
  Outbox, type ClaimOptions, type ListOptions, type NackRetry, type OutboxOptions,
  type PurgeOptions,
} from './outbox/outbox.js'
export type { EventOutbox, SyncEventOutbox } from './outbox/event-outbox.js'
export type { Handler, HandlerContext, RelayOptions } from './outbox/relay-options.js'
export { REDRIVEN_HEADER } from './outbox/relay-delivery.js'
export { Relay } from './outbox/relay.js'
export { ScopedOutboxStore } from './outbox/scoped-store.js'
export type { AnyFeed } from './feeds/feed.js'
export type { GapReason, GapReport, LostRange, RecoveryPolicy } from './feeds/feed-recovery.js'
export type { SubscriberEventName, SubscriberEvents } from './feeds/subscriber-events.js'
export type {
  BatchingOptions, BatchSubscriberOptions, ResultContext, ResultFailurePolicy, ResultSubscriberOptions,
  SnapshotContext, SubscriberOptions, SubscriberStart,
} from './feeds/subscriber-options.js'
export { Subscriber } from './feeds/subscriber.js'
export type {
  FeedLag, SubscribedFeedStatus, SubscribedState, SubscriberLag, SubscriberStatus,
} from './feeds/subscriber-status.js'
