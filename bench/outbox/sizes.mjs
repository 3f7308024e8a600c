// How much each part measures. `quick` has to end within 45 s; `smoke` only shows that everything runs.

const FULL = {
  rounds: 5, transactions: 6_000, peerTransactions: 1_500, bulks: 40, drain: 50_000, slowDrain: 1_000, latency: 200,
  backlog: 50_000, claimRounds: 41, history: 200_000, memory: 1_000_000, sqlite: 50_000, sharedBuffers: '1GB',
}
const QUICK = {
  rounds: 5, transactions: 800, peerTransactions: 200, bulks: 5, drain: 5_000, slowDrain: 150, latency: 40,
  backlog: 10_000, claimRounds: 15, history: 20_000, memory: 100_000, sqlite: 10_000, sharedBuffers: '256MB',
}
const SMOKE = {
  rounds: 1, transactions: 50, peerTransactions: 50, bulks: 1, drain: 1_000, slowDrain: 120, latency: 5,
  backlog: 500, claimRounds: 3, history: 1_000, memory: 5_000, sqlite: 1_000, sharedBuffers: '128MB',
}

export const SIZES = { full: FULL, quick: QUICK, smoke: SMOKE }
