import { expect, test } from 'vitest'
import { RedisCommandReader, ScriptReader } from '../../chaos/faults/redis-commands.js'

const command = (...parts: readonly string[]): Buffer => Buffer.from(
  `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`)
const read = (...packets: readonly Buffer[]): string[][][] => {
  const reader = new RedisCommandReader()
  return packets.map((packet) => reader.push(packet).map((each) => each.map(String)))
}

test('several in one packet, with parts that are empty, are not ASCII or look like more commands', () => {
  const commands = [['PING'], ['SET', 'ключ', ''], ['SET', 'a', '\r\n*1\r\n$4\r\nPING\r\n']]
  expect(read(Buffer.concat(commands.map((each) => command(...each))))).toEqual([commands])
})

test('packets that are cut at every byte', () => {
  const all = Buffer.concat([command('GET', 'é'), command('EVAL', 'return 1', '0')])
  for (let cut = 1; cut < all.length; cut += 1) {
    expect(read(all.subarray(0, cut), all.subarray(cut)).flat()).toEqual([['GET', 'é'], ['EVAL', 'return 1', '0']])
  }
})

test.each(['PING\r\n', '*x\r\n', '*1\r\n:3\r\n', '*-1\r\n'])('%j is no command', (text) => {
  expect(() => read(Buffer.from(text))).toThrow('this is no command')
})

test('scripts are counted when all of them is there, by their text or their digest', () => {
  const reader = new ScriptReader()
  const script = command('evalsha', 'f00', '1', 'key', 'EVAL')
  expect(reader.push(Buffer.concat([command('PING'), script, script.subarray(0, 20)]))).toBe(1)
  expect(reader.push(Buffer.concat([script.subarray(20), command('EVAL', 'return 1', '0')]))).toBe(2)
  expect(reader.push(command('SCRIPT', 'EVAL'))).toBe(0)
})
