/** `waybill/pg`: enqueue in a `pg` client's transaction when the store itself runs on another client. */
export { pgDriver as pg, type PgClient, type PgPool } from './drivers/pg.js'
