/** Ranks 0…count−1 by a Zipf law: the rank r is drawn in proportion to 1 / (r + 1)^exponent. */
export function zipf(count: number, exponent: number): (random: () => number) => number {
  const cumulative: number[] = []
  let sum = 0
  for (let rank = 1; rank <= count; rank += 1) {
    sum += 1 / rank ** exponent
    cumulative.push(sum)
  }
  return (random) => {
    const drawn = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulative[middle] ?? Infinity) > drawn) high = middle
      else low = middle + 1
    }
    return low
  }
}
