// How much each part measures. `quick` has to end within 90 s; `smoke` only shows that everything runs.

const FULL = {
  rounds: 9, commits: 2_000, together: 50, evictions: 2_000, largeRing: 1_000_000, rows: 1_000_000, retained: 100_000,
  sharedBuffers: '1GB',
}
const QUICK = {
  rounds: 5, commits: 300, together: 8, evictions: 400, largeRing: 200_000, rows: 200_000, retained: 20_000,
  sharedBuffers: '256MB',
}
const SMOKE = {
  rounds: 1, commits: 30, together: 1, evictions: 30, largeRing: 5_000, rows: 5_000, retained: 2_000,
  sharedBuffers: '128MB',
}

export const SIZES = { full: FULL, quick: QUICK, smoke: SMOKE }
