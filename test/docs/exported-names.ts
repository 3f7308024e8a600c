/** What the package exports, asked of the compiler: names, and members of types. */
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './named-tests.js'

export class ExportedNames {
  readonly #checker: ts.TypeChecker
  readonly #byName: ReadonlyMap<string, ts.Symbol>

  /** Of these entries, by their paths within the repository. */
  constructor(entries: readonly string[]) {
    const files = entries.map((entry) => join(root, entry))
    const options: ts.CompilerOptions = {
      target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, strict: true, types: [], lib: ['lib.es2023.d.ts'],
    }
    const host = ts.createCompilerHost(options)
    // What comes from other packages is of no interest here, and would take most of the time.
    host.resolveModuleNameLiterals = (literals, from) => literals.map(({ text }) => (
      text.startsWith('.') ? ts.resolveModuleName(text, from, options, host) : { resolvedModule: undefined }))
    const program = ts.createProgram(files, options, host)
    const checker = program.getTypeChecker()
    this.#checker = checker
    this.#byName = new Map(files.flatMap((file) => {
      const source = program.getSourceFile(file)
      const module = source && checker.getSymbolAtLocation(source)
      if (module === undefined) throw new Error(`${file} is no module`)
      return checker.getExportsOfModule(module).map((symbol): [string, ts.Symbol] => [symbol.name, symbol])
    }))
  }

  /** `Outbox`, `Outbox.claim`: of a union, what each of its types has. */
  has(path: string): boolean {
    const [name = '', member] = path.split('.')
    const symbol = this.#byName.get(name)
    return symbol !== undefined && (member === undefined || this.#typeOf(symbol).getProperty(member) !== undefined)
  }

  isFunction(name: string): boolean {
    const symbol = this.#byName.get(name)
    return symbol !== undefined && this.#checker.getTypeOfSymbol(this.#resolved(symbol)).getCallSignatures().length > 0
  }

  #typeOf(symbol: ts.Symbol): ts.Type {
    return this.#checker.getDeclaredTypeOfSymbol(this.#resolved(symbol))
  }

  #resolved(symbol: ts.Symbol): ts.Symbol {
    return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : this.#checker.getAliasedSymbol(symbol)
  }
}
