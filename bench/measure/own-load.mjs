// What work of this process alone took.

/** The rate of `count` things, and the processor time of each. */
export async function measureOwn(count, work) {
  const began = performance.now()
  const own = process.cpuUsage()
  await work()
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(own)
  return { rate: count / seconds, nodeMicros: (user + system) / count }
}
