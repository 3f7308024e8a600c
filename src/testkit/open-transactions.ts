/** The transactions that a case has begun and not ended. */
export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

export interface OpenTransaction<Tx> {
  readonly tx: Tx
  commit(): Promise<void>
  rollback(): Promise<void>
  /** Where the database has savepoints. */
  savepoint?(): Promise<{ rollback(): Promise<void> }>
}

export class OpenTransactions {
  readonly #open = new Set<OpenTransaction<unknown>>()

  track(opened: OpenTransaction<unknown>): OpenTransaction<unknown> {
    const end = (how: () => Promise<void>): Promise<void> => {
      this.#open.delete(opened)
      return how()
    }
    this.#open.add(opened)
    return {
      tx: opened.tx,
      commit: () => end(() => opened.commit()),
      rollback: () => end(() => opened.rollback()),
      ...(opened.savepoint && { savepoint: opened.savepoint.bind(opened) }),
    }
  }

  /** Ends what a failed case may have left open, so that its failure does not become a hang. */
  async rollback(): Promise<void> {
    await Promise.allSettled([...this.#open].map((transaction) => transaction.rollback()))
  }
}
