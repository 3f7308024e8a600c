// How Waybill runs in the measurements: its best settings for handlers that return at once.

export const SCHEMA = 'waybill_bench'
export const BATCH = 1_000
export const RELAY = { batch: BATCH, concurrency: 10 }
