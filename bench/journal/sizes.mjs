// How much each part measures. `quick` has to end within 90 s; `smoke` only shows that everything runs. Of what is
// short, more repetitions (`shortRounds`) tell more than longer ones.

const FULL = {
  rounds: 5, shortRounds: 15, transactions: 4_000, bulks: 20, drain: 20_000, largeDrain: 100_000, few: 10_000,
  retained: 1_000_000, heldSaves: 20_000, historyPages: 10, historyRounds: 21, polls: 200, latency: 120, sqlite: 100_000,
  competing: 100_000, competingRounds: 3, processes: [1, 2, 4], everyMode: true, sharedBuffers: '1GB',
}
const QUICK = {
  rounds: 3, shortRounds: 5, transactions: 400, bulks: 4, drain: 5_000, largeDrain: 30_000, few: 5_000,
  retained: 100_000, heldSaves: 5_000, historyPages: 4, historyRounds: 5, polls: 50, latency: 20, sqlite: 20_000,
  competing: 10_000, competingRounds: 1, processes: [1, 2, 4], everyMode: false, sharedBuffers: '256MB',
}
const SMOKE = {
  rounds: 1, shortRounds: 1, transactions: 50, bulks: 1, drain: 500, largeDrain: 1_000, few: 1_000, retained: 5_000,
  heldSaves: 200, historyPages: 1, historyRounds: 1, polls: 10, latency: 5, sqlite: 2_000, competing: 1_000,
  competingRounds: 1, processes: [1, 2], everyMode: false, sharedBuffers: '128MB',
}

export const SIZES = { full: FULL, quick: QUICK, smoke: SMOKE }
