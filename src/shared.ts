/** What every view of one store shares: wake-ups, the listener that runs while there are relays, and reservations. */
import { Announcer } from './outbox/announcer.js'
import { Reservations, type ReservationOptions } from './outbox/reservations.js'
import { WakeHub } from './runner/wake.js'
import type { Store } from './store.js'

export class Shared {
  readonly hub = new WakeHub()
  readonly announcer: Announcer
  readonly reservations: Reservations | undefined
  readonly #store: Store
  #listening: AbortController | undefined

  /** @throws VALIDATION. */
  constructor(store: Store, reservations?: ReservationOptions) {
    this.#store = store
    const notify = store.notify?.bind(store)
    this.announcer = new Announcer(this.hub, notify)
    this.reservations = reservations && new Reservations(reservations, {
      stored: (ids) => store.outbox.get(ids, undefined), keepsDelivered: store.retainDeliveredMs !== 0,
    })
  }

  /** A transaction of the store's own: what was done in it is told and confirmed once it has committed. */
  async transaction<Handle, T>(store: Store<Handle>, work: (tx: Handle) => Promise<T>): Promise<T> {
    const begin = async (own: (tx: Handle) => Promise<T>): Promise<T> => {
      let committed = (): void => undefined
      const result = await store.transaction((tx) => {
        committed = this.announcer.begun(tx)
        return own(tx)
      })
      committed()
      return result
    }
    return this.reservations === undefined ? begin(work) : this.reservations.transaction(begin, work)
  }

  listen(): void {
    if (this.#listening !== undefined || this.#store.listen === undefined) return
    this.#listening = new AbortController()
    this.#store.listen((topic) => this.hub.wake(topic === '' ? undefined : topic), this.#listening.signal)
  }

  onNews(topic: string, listener: () => void): () => void {
    this.listen()
    return this.hub.subscribe(topic, listener)
  }

  async close(): Promise<void> {
    this.#listening?.abort()
    await this.announcer.settled()
    await this.#store.close()
  }
}
