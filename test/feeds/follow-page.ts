/** A page that keeps a feed's rows with nothing but `EventSource`, and tells the test what it has. */
export const FOLLOW_PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>orders</title><script>
  const rows = new Map()
  const seen = { opens: 0, errors: 0, resets: [], snapshots: 0, sequences: [], last: '' }
  const set = ({ signature, value }) => value === undefined ? rows.delete(signature) : rows.set(signature, value)
  const source = new EventSource('/feed')
  const on = (name, listener) => source.addEventListener(name, (event) => {
    listener(event.data && JSON.parse(event.data))
    if (name === 'result') seen.last = event.lastEventId
  })
  on('open', () => seen.opens++)
  on('error', () => seen.errors++)
  on('reset', (document) => seen.resets.push(document.reason))
  on('snapshot-begin', () => rows.clear())
  on('snapshot-rows', (list) => list.forEach(set))
  on('snapshot-end', () => seen.snapshots++)
  on('result', ({ sequence, changes }) => {
    seen.sequences.push(sequence)
    for (const { op, signature, after } of changes) if (op !== 'noop') set({ signature, value: after })
  })
  window.seen = seen
  window.rows = rows
</script>`
