/** A connection that goes on seeing one state of the file. */
import { onTestFinished, test, expect } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite.js'
import { openSqlite, type SqliteDatabase } from '../../src/stores/sqlite/database.js'
import { testFile } from './sqlite-support.js'

async function openCounted(): Promise<SqliteDatabase> {
  const database = openSqlite({ path: testFile(), engine: sqliteEngine() })
  onTestFinished(() => database.close())
  await database.write((query) => {
    query('create table t (n integer)')
    query('insert into t values (1)')
  })
  return database
}

const COUNT = 'select count(*) as count from t'

test('it sees what was there when it was begun, cannot write, and keeps no writer waiting', async () => {
  const database = await openCounted()
  const { query, first, close } = await database.reading((read) => read(COUNT)[0]?.['count'])
  expect(first).toBe(1n)
  await database.write((write) => write('insert into t values (2)'))
  expect(query(COUNT)).toEqual([{ count: 1n }])
  expect(() => query('insert into t values (3)')).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }))
  close()
  close()
  expect(await database.read((read) => read(COUNT)[0]?.['count'])).toBe(2n)
})

test('it ends with the database, and when its first read fails', async () => {
  const database = await openCounted()
  await expect(database.reading((read) => read('select no_such_column'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
  const { query, close } = await database.reading((read) => read(COUNT))
  await database.close()
  expect(() => query(COUNT)).toThrow()
  close()
})
