/** `waybill/testkit`: check your own store or transport, and test what you build on one. */
export { checkpointCases, checkpointStoreSuite } from './checkpoint-suite/index.js'
export type {
  CheckpointSuiteOptions, OpenCheckpointSettings, OpenedCheckpoints,
} from './checkpoint-suite/options.js'
export { faultyOutboxStore, type Fault, type FaultPlan, type FaultyMethod } from './faulty-outbox-store.js'
export {
  feedCases, feedStoreSuite, liveResultsCases, liveResultsSuite, openedLiveResults, openedResultLog, resultLogCases,
  resultLogSuite,
} from './feed-suite/index.js'
export { feedHistories, type FeedHistoriesOptions } from './feed-suite/histories.js'
export type {
  FeedSuiteOptions, LiveResultsSuiteOptions, OpenedFeeds, OpenedLiveResults, OpenedResultLog, ResultLogSuiteOptions,
} from './feed-suite/options.js'
export { heapCases, heapSuite } from './heap-suite/index.js'
export {
  openedHeaps, type HeapStorePair, type HeapSuiteOptions, type OpenedHeaps, type OpenHeapSettings,
} from './heap-suite/options.js'
export { HistoryChecker } from './history/checker.js'
export type {
  EndEvent, FaultEvent, FinalEvent, HistoryEvent, ProducerEvent, ReceiverEvent, RelayEvent,
} from './history/events.js'
export type { CheckerOptions, Rule, Verdict, Violation } from './history/verdict.js'
export { inboxCases, inboxSuite } from './inbox-suite/index.js'
export type { InboxSuiteOptions, OpenedInbox, OpenInboxSettings } from './inbox-suite/options.js'
export { journalCases, journalStoreSuite } from './journal-suite/index.js'
export type { JournalSkip, JournalSuiteOptions, OpenedJournal, OpenJournalSettings } from './journal-suite/options.js'
export { scopedJournalOpen, scopedJournalSkips } from './journal-suite/scoped-open.js'
export { maintenanceCases, maintenanceSuite } from './maintenance-suite/index.js'
export type {
  MaintenanceSuiteOptions, OpenedMaintained, OpenMaintainedSettings,
} from './maintenance-suite/options.js'
export { offsetCases, offsetStoreSuite } from './offset-suite/index.js'
export type { OffsetFault, OffsetSkip, OffsetSuiteOptions, OpenedOffsets } from './offset-suite/options.js'
export { outboxCases, outboxStoreSuite } from './outbox-suite/index.js'
export type { OpenedOutbox, OpenSettings, OutboxSkip, OutboxSuiteOptions } from './outbox-suite/options.js'
export type { Isolation, OpenTransaction } from './open-transactions.js'
export { scopedOpen, scopedSkips } from './outbox-suite/scoped-open.js'
export { progressCases, progressStoreSuite } from './progress-suite/index.js'
export type { OpenedProgress, OpenProgressSettings, ProgressSuiteOptions } from './progress-suite/options.js'
export { publisherCases, publisherSuite } from './publisher-suite/index.js'
export type { OpenedPublisherStore, PublisherSuiteOptions } from './publisher-suite/options.js'
export { forEachSeed, seededRandom, type SeededRandom } from './random.js'
export { reservationCases, reservationSuite } from './reservation-suite/index.js'
export type {
  OpenedReservations, OpenReservationSettings, ReservationSuiteOptions,
} from './reservation-suite/options.js'
export { subscriberCases, subscriberSuite } from './subscriber-suite/index.js'
export type { OpenedSubscriberStore, SubscriberSuiteOptions } from './subscriber-suite/options.js'
export { TestClock } from './test-clock.js'
export {
  transportCases, transportSuite, type OpenedTransport, type TransportArrival, type TransportSuiteOptions,
} from './transport-suite.js'
