/** `waybill/kysely`: enqueue in a Kysely transaction. */
export { kyselyDriver as kysely, type KyselyTransaction } from './drivers/kysely.js'
