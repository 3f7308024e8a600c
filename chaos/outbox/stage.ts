/** One store that a run happens on: where its processes find it, what can be broken there, and what is in it. */
import type { Store } from 'waybill'
import { createWaybill } from 'waybill'
import { CREATE_ORDERS, type Place } from './place.js'
import { LANES, type Lane } from './plan.js'

export interface Stage {
  readonly store: 'postgres' | 'sqlite'
  readonly version: string
  /** As the producers see it, and as relays and the run itself do. */
  readonly producers: Place
  readonly relays: Place
  readonly own: Store
  /** Absent where it cannot be broken in this way. */
  readonly server?: BreakableServer | undefined
  /** Messages that are neither delivered nor dead. `stats` says more, and costs what a run cannot spare. */
  countBacklog(): Promise<number>
  /** Messages per lane, by the application's own table. */
  countOrders(): Promise<Record<Lane, number>>
  close(): Promise<void>
}

export interface BreakableServer {
  /** A crash, and the start after it. */
  restart(): Promise<void>
  /** Ends a session of the application with that name; false when there is none. */
  terminate(application: string, share: number): Promise<boolean>
  /** Of the next COMMIT of a producer. `onLost` is called when that has happened. */
  loseReply(onLost: () => void): void
  sessions(application: string): Promise<number>
}

type Rows = readonly Readonly<Record<string, unknown>>[]

/** Runs a statement without parameters in a transaction of the store's own. */
export type Query = (text: string) => Promise<Rows>

const COUNT_ORDERS = 'select lane, sum(messages) as messages from chaos_order group by lane'

export async function prepareStage(own: Store, query: Query): Promise<void> {
  await createWaybill({ store: own, lanes: LANES }).migrate()
  await query(CREATE_ORDERS)
}

/** `prefix` comes before the names of Waybill's tables. */
export async function countBacklog(query: Query, prefix: string): Promise<number> {
  const count = (table: string): string => `(select count(*) from ${prefix}${table})`
  const [row] = await query(
    `select ${count('outbox_message')} - ${count('outbox_delivered')} - ${count('outbox_dead')} as waiting`)
  return Number(row?.['waiting'])
}

export async function countOrders(query: Query): Promise<Record<Lane, number>> {
  const counts = { orders: 0, mail: 0 }
  for (const row of await query(COUNT_ORDERS)) counts[row['lane'] as Lane] = Number(row['messages'])
  return counts
}
