/** One store that a run happens on: where its processes find it, and what can be broken there. */
import type { LaneDeclarations, Store } from 'waybill'
import { createWaybill } from 'waybill'
import { CREATE_ORDERS, type Place } from './place.js'

export interface Stage {
  readonly store: 'postgres' | 'sqlite'
  readonly version: string
  /** Where replies can be lost, where there is a server. */
  readonly unreliable: Place
  /** The same store, without anything between. */
  readonly direct: Place
  /** The run's own. */
  readonly own: Store
  /** By the run itself, in a transaction of its own. */
  readonly query: Query
  /** Comes before the names of Waybill's tables. */
  readonly prefix: string
  /** Absent where it cannot be broken in this way. */
  readonly server?: BreakableServer | undefined
  close(): Promise<void>
}

export interface BreakableServer {
  /** A crash, and the start after it. */
  restart(): Promise<void>
  /** Ends a session of the application with that name; false when there is none. */
  terminate(application: string, share: number): Promise<boolean>
  /** Of the next COMMIT on the unreliable way. `onLost` is called when that has happened. */
  loseReply(onLost: () => void): void
  sessions(application: string): Promise<number>
}

type Rows = readonly Readonly<Record<string, unknown>>[]

/** Runs a statement without parameters. */
export type Query = (text: string) => Promise<Rows>

export async function prepareStage(own: Store, query: Query, lanes: LaneDeclarations): Promise<void> {
  await createWaybill({ store: own, lanes }).migrate()
  await query(CREATE_ORDERS)
}
