/** `waybill/drizzle`: enqueue in a Drizzle transaction. */
export {
  drizzleDriver as drizzle, drizzleSqliteDriver as drizzleSqlite, type DrizzlePostgresTransaction,
  type DrizzleSqliteTransaction,
} from './drivers/drizzle.js'
