// The transactions of a user, who writes a row of a business and something of Waybill's beside it.
import { CONNECTIONS } from './database.mjs'

const BUSINESS_TABLE = 'create table business (id bigint generated always as identity primary key, total integer)'
const BUSINESS_ROW = { name: 'business_row', text: 'insert into business (total) values ($1)' }

export async function openBusiness({ admin }) {
  await admin.query(BUSINESS_TABLE)
}

export async function emptyBusiness({ admin }) {
  await admin.query('truncate business')
}

/** BEGIN, a business row, what `write` does, COMMIT, on ten connections at a time. */
export async function userTransactions(database, count, write) {
  let next = 0
  const connection = async () => {
    while (next < count) {
      const n = next
      next += 1
      await database.inTransaction(async (client) => {
        await client.query({ ...BUSINESS_ROW, values: [n] })
        await write(client, n)
      })
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
}
