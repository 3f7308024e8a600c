// How much each part measures. `quick` has to end within 45 s, so it also leaves out the modes of other queues that
// were the slower ones of each in full runs; `smoke` only shows that everything runs. Of what is short,
// more repetitions (`shortRounds`) tell more than longer ones.

const FULL = {
  rounds: 5, shortRounds: 15, transactions: 4_000, peerTransactions: 300, bulks: 20, drain: 50_000,
  ordered: 5_000, slowDrain: 500, latency: 120, backlog: 50_000, claimRounds: 41, everyMode: true,
  history: 200_000, memory: 1_000_000, sqlite: 30_000, sharedBuffers: '1GB',
}
const QUICK = {
  rounds: 5, shortRounds: 7, transactions: 400, peerTransactions: 50, bulks: 4, drain: 7_000, ordered: 1_000,
  slowDrain: 50, latency: 20, backlog: 5_000, claimRounds: 11, everyMode: false, history: 10_000, memory: 250_000,
  sqlite: 5_000, sharedBuffers: '256MB',
}
const SMOKE = {
  rounds: 1, shortRounds: 1, transactions: 50, peerTransactions: 50, bulks: 1, drain: 1_000, ordered: 1_000,
  slowDrain: 50, latency: 5, backlog: 500, claimRounds: 3, everyMode: true, history: 1_000, memory: 5_000,
  sqlite: 1_000, sharedBuffers: '128MB',
}

export const SIZES = { full: FULL, quick: QUICK, smoke: SMOKE }
