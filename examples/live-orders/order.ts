/** What the shop and the cache agree on. */
export interface Order {
  readonly id: number
  readonly customer: string
  readonly total: number
}

export const FEED = 'open-orders'
/** Small, so that the example can show what happens when a follower falls too far behind. */
export const CAPACITY = 10
