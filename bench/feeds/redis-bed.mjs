export class RedisBed {
  static async open() {
    return undefined
  }
}
