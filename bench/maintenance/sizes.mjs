// How much each part measures. `quick` has to end within 90 s; `smoke` only shows that everything runs.

const FULL = { rows: 1_000_000, producers: 3, quietMs: 15_000, deletingMs: 30_000, thinkMs: 4, sharedBuffers: '1GB' }
const QUICK = { ...FULL, rows: 20_000, quietMs: 4_000, deletingMs: 8_000, sharedBuffers: '256MB' }
const SMOKE = { ...FULL, rows: 1_000, producers: 2, quietMs: 200, deletingMs: 500, sharedBuffers: '128MB' }

export const SIZES = { full: FULL, quick: QUICK, smoke: SMOKE }
