/** Delivers by POST. What the answer means is the whole of it. */
import { permanentError, throttledError, type Transport } from '../../core/transport.js'

export function httpTransport(url: string, headers: Readonly<Record<string, string>>): Transport {
  return {
    name: 'http',
    async deliver(envelope, { signal }) {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...headers, 'content-type': envelope.contentType, 'waybill-id': envelope.id,
          'waybill-attempt': String(envelope.attempt),
        },
        body: envelope.payload,
        signal,
      })
      // Read, so that the connection can be used again.
      const text = await response.text()
      if (response.ok) return
      const problem = `HTTP ${response.status} ${text}`.trim()
      if (response.status === 429) throw throttledError(problem, 1_000)
      if (response.status >= 400 && response.status < 500) throw permanentError(problem)
      throw new Error(problem)
    },
  }
}
