/** Every bound that a caller can meet, in one place. Bytes are of UTF-8. */

export const MAX_NAME_BYTES = 255
export const MAX_KEY_BYTES = 1_024
export const MAX_SCOPE_BYTES = 512
export const MAX_HEADERS = 64
export const MAX_HEADERS_BYTES = 16 * 1_024
/** What `scopedKey` puts around a scope and a value. */
const MAX_SCOPING_BYTES = MAX_SCOPE_BYTES + 11
export const MAX_OFFSET_KEY_BYTES = MAX_KEY_BYTES + MAX_SCOPING_BYTES
export const MAX_OFFSET_NAME_BYTES = MAX_NAME_BYTES + MAX_SCOPING_BYTES
export const DEFAULT_MAX_PAYLOAD_BYTES = 256 * 1_024
/** What a store may be configured up to; beyond it, keep the body elsewhere and enqueue its address. */
export const MAX_PAYLOAD_BYTES = 64 * 1_024 * 1_024
export const MAX_ENQUEUE_BATCH = 10_000
export const MAX_APPEND_BATCH = 10_000
export const MAX_TAGS = 64
export const MAX_CLAIM_LIMIT = 1_000
export const MAX_PAGE_LIMIT = 1_000
export const MAX_ATTEMPTS = 1_000_000
/** One day: a longer lease only delays recovery; renew instead. */
export const MAX_LEASE_MS = 86_400_000
/** One day. */
export const DEFAULT_RETAIN_DELIVERED_MS = 86_400_000
/** How old an event is before it may be pruned: 7 days. */
export const DEFAULT_JOURNAL_RETENTION_MS = 7 * 86_400_000
/** How long a dedupe key is kept after its message left: 7 days. */
export const DEFAULT_DEDUPE_RETENTION_MS = 7 * 86_400_000
/** How long the inbox remembers what was done: 7 days. */
export const DEFAULT_INBOX_RETENTION_MS = 7 * 86_400_000
/** How long dead letters, and entries of heaps that fail no more, are kept by a maintenance: 7 days. */
export const DEFAULT_DEAD_RETENTION_MS = 7 * 86_400_000
export const MAX_INBOX_BATCH = 1_000
/** Of one call. */
export const MAX_PURGE_LIMIT = 100_000
export const DEFAULT_FEED_CAPACITY = 1_000
export const MAX_FEED_CAPACITY = 1_000_000
/** Results of one commit. */
export const MAX_RESULTS = 1_000
/** Of one result. */
export const MAX_CHANGES = 10_000
export const MAX_RESULT_BYTES = 64 * 1_024 * 1_024
/** Failures in a row, where a heap's count stops. */
export const MAX_HEAP_FAILURES = 2 ** 31 - 1
/** Entries of one drain of a heap. */
export const MAX_HEAP_DRAIN = 1_000
