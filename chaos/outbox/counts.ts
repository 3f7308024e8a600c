/** How much there is, counted by hand. */
import type { SqlStage } from '../stage/stage.js'
import type { Lane } from './plan.js'

const COUNT_ORDERS = 'select lane, sum(messages) as messages from chaos_order group by lane'

/** Messages that are neither delivered nor dead. `stats` says more, and costs what a run cannot spare. */
export async function countBacklog({ query, prefix }: SqlStage): Promise<number> {
  const count = (table: string): string => `(select count(*) from ${prefix}${table})`
  const [row] = await query(
    `select ${count('outbox_message')} - ${count('outbox_delivered')} - ${count('outbox_dead')} as waiting`)
  return Number(row?.['waiting'])
}

/** Messages per lane, by the application's own table. */
export async function countOrders({ query }: SqlStage): Promise<Record<Lane, number>> {
  const counts = { orders: 0, mail: 0 }
  for (const row of await query(COUNT_ORDERS)) counts[row['lane'] as Lane] = Number(row['messages'])
  return counts
}
