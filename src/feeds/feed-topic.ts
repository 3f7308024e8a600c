/** What subscribers of a feed are woken by. */
export function feedTopic(key: string): string {
  return JSON.stringify(['feed', key])
}
