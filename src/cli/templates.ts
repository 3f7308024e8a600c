/** The files that `waybill init` writes. They hold no secret: a server's URL stays in the environment. */

export type TemplateStore = 'sqlite' | 'postgres'

export interface Template {
  readonly config: string
  readonly example: string
}

export const TEMPLATES: Readonly<Record<TemplateStore, Template>> = {
  sqlite: {
    config: `// What the program \`waybill\` works on, and the relays that \`waybill relay\` runs.
import { defineConfig } from 'waybill'

export const config = defineConfig({
  url: 'sqlite:waybill.db',
  relays: [
    {
      handlers: {
        // Called at least once for each message; when it throws, again later.
        mailer: async (message) => {
          console.log('to the mailer:', message.type, message.payload)
        },
      },
    },
  ],
})
`,
    example: `// One order and its message, in one transaction: either both exist or neither.
import { createWaybill } from 'waybill'
import { sqlite } from 'waybill/sqlite'

const waybill = createWaybill({ store: sqlite({ path: 'waybill.db' }) })
await waybill.migrate()

const id = \`order-\${Date.now()}\`
await waybill.transaction(async (tx) => {
  tx.exec('create table if not exists orders (id text primary key)')
  tx.exec(\`insert into orders values ('\${id}')\`)
  await waybill.outbox.enqueue(tx, { type: 'order.placed', target: 'mailer', payload: { id } })
})
console.log(\`\${id} is committed, and so is its message\`)
await waybill.close()
`,
  },
  postgres: {
    config: `// What the program \`waybill\` works on, and the relays that \`waybill relay\` runs.
import { defineConfig } from 'waybill'

export const config = defineConfig({
  url: process.env['DATABASE_URL'],
  relays: [
    {
      handlers: {
        // Called at least once for each message; when it throws, again later.
        mailer: async (message) => {
          console.log('to the mailer:', message.type, message.payload)
        },
      },
    },
  ],
})
`,
    example: `// One order and its message, in one transaction: either both exist or neither.
import pg from 'pg'
import { createWaybill } from 'waybill'
import { postgres } from 'waybill/postgres'

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })
const waybill = createWaybill({ store: postgres({ pool }) })
await waybill.migrate()

const id = \`order-\${Date.now()}\`
await pool.query('create table if not exists orders (id text primary key)')
await waybill.transaction(async (client) => {
  await client.query({ text: 'insert into orders values ($1)', values: [id] })
  await waybill.outbox.enqueue(client, { type: 'order.placed', target: 'mailer', payload: { id } })
})
console.log(\`\${id} is committed, and so is its message\`)
await waybill.close()
await pool.end()
`,
  },
}
