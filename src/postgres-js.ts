/** `waybill/postgres-js`: enqueue in a postgres.js transaction when the store itself runs on another client. */
export {
  postgresJsDriver as postgresJs, type PostgresJsSql, type PostgresJsTransaction,
} from './drivers/postgres-js.js'
