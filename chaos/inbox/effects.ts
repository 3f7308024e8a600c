/** The application's own table: a row for each time that a message took effect. Nothing keeps a second one out. */
import { runStatement, type Place } from '../stage/place.js'
import type { Query } from '../stage/stage.js'
import type { FinalState } from './events.js'

const CREATE = 'create table chaos_effect (message text not null, consumer text not null)'
const INSERT_POSTGRES = 'insert into chaos_effect (message, consumer) values ($1, $2)'
const INSERT_SQLITE = 'insert into chaos_effect (message, consumer) values (?, ?)'
const EFFECTS = 'select message from chaos_effect'
/** Behind Waybill's back: the judge must find it. */
const LOSE_ONE = 'delete from chaos_effect where message = (select min(message) from chaos_effect)'

export async function createEffects(query: Query): Promise<void> {
  await query(CREATE)
}

export async function takeEffect(place: Place, handle: unknown, message: string, consumer: string): Promise<void> {
  await runStatement(place, handle, { postgres: INSERT_POSTGRES, sqlite: INSERT_SQLITE }, [message, consumer])
}

export async function loseEffect(query: Query): Promise<void> {
  await query(LOSE_ONE)
}

/** `prefix` comes before the names of Waybill's tables. */
export async function readFinal(query: Query, prefix: string): Promise<FinalState> {
  const messagesOf = async (text: string): Promise<string[]> => (
    (await query(text)).map((row) => String(row['message'])))
  return {
    effects: await messagesOf(EFFECTS), records: await messagesOf(`select message_id as message from ${prefix}inbox`),
  }
}
