// The processes of a run: producers, and the one that deletes.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export class Crew {
  #producers
  #deleter

  static async start(kind, address, { producers, options }) {
    const crew = new Crew()
    const start = (script, ...more) => fork(join(import.meta.dirname, script), [kind, address, ...more])
    crew.#producers = Array.from({ length: producers }, () => start('producer-process.mjs'))
    crew.#deleter = start('maintenance-process.mjs', JSON.stringify(options ?? {}))
    await Promise.all([...crew.#producers, crew.#deleter].map(answer))
    return crew
  }

  /** Every latency of the round. */
  async produce(forMs, thinkMs) {
    const took = await Promise.all(this.#producers.map((child) => ask(child, { forMs, thinkMs })))
    return took.flat()
  }

  /** What was deleted meanwhile, with every latency of the producers. */
  async deleteWhileProducing(forMs, thinkMs) {
    const deleting = ask(this.#deleter, { forMs })
    const took = await this.produce(forMs, thinkMs)
    return { took, ...await deleting }
  }

  async end() {
    await Promise.all([...this.#producers, this.#deleter].map(async (child) => {
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    }))
  }
}

async function ask(child, message) {
  const answered = answer(child)
  child.send(message)
  return answered
}

/** A process that fails has said why. */
async function answer(child) {
  const failed = new AbortController()
  const died = once(child, 'exit', { signal: failed.signal }).then(() => { throw new Error('a process of the run died') })
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: failed.signal }), died])
    return message
  } finally {
    died.catch(() => undefined)
    failed.abort()
  }
}
