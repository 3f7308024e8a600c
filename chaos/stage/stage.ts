/** One store that a run happens on: where its processes find it, and what can be broken there. */
import type { LaneDeclarations, Store } from 'waybill'
import { createWaybill } from 'waybill'
import { CREATE_ORDERS, type Place } from './place.js'

export type StoreName = Stage['store']

interface AnyStage {
  readonly version: string
  /** Where replies can be lost, where there is a server. */
  readonly unreliable: Place
  /** The same store, without anything between. */
  readonly direct: Place
  /** The run's own. */
  readonly own: Store
  /** Absent where it cannot be broken in this way. */
  readonly server?: BreakableServer | undefined
  close(): Promise<void>
}

export interface SqlStage extends AnyStage {
  readonly store: 'postgres' | 'sqlite'
  /** By the run itself, in a transaction of its own. */
  readonly query: Query
  /** Comes before the names of Waybill's tables. */
  readonly prefix: string
}

/** There are no transactions: nothing of an application's own is written with what Waybill writes. */
export interface RedisStage extends AnyStage {
  readonly store: 'redis'
  /** Of a hash, by the run itself. */
  valuesOf(key: string): Promise<string[]>
  /** What the server has done from the beginning, in order. */
  appended(): Iterable<readonly string[]>
}

export type Stage = SqlStage | RedisStage

/** By store, in the order of the runs. A stage may use the folder. */
export type OpenStages<On extends Stage> = Readonly<Partial<Record<StoreName, (folder: string) => Promise<On>>>>

export interface BreakableServer {
  /** A crash, and the start after it. */
  restart(): Promise<void>
  /** Ends a session of the application with that name; false when there is none. */
  terminate(application: string, share: number): Promise<boolean>
  /** Of the next commit on the unreliable way. `onLost` is called when that has happened. */
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
