import ts from 'typescript'

const LONGEST_FUNCTION = 60
const CASE_NAMES = new Set(['test', 'it', 'describe', 'suite', 'beforeEach', 'afterEach', 'beforeAll', 'afterAll'])

/** Functions of at most 60 lines. In src/testkit a suite is a function of many cases: each case counts for itself. */
export function checkFunctions({ path, name, text }, report) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const lineOf = (position) => file.getLineAndCharacterOfPosition(position).line + 1
  const linesOf = (node) => lineOf(node.end) - lineOf(node.getStart(file)) + 1

  const casesWithin = (node) => {
    let lines = 0
    ts.forEachChild(node, (child) => {
      lines += isCase(child) ? linesOf(child) : casesWithin(child)
    })
    return lines
  }
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const lines = linesOf(node) - (name.startsWith('src/testkit/') ? casesWithin(node) : 0)
      const called = node.name?.getText(file) ?? node.parent.name?.getText(file) ?? 'a function'
      if (lines > LONGEST_FUNCTION) {
        report(path, lineOf(node.getStart(file)), `${called}: ${lines} lines, at most ${LONGEST_FUNCTION}`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
}

/** The callback in `test('name', () => { … })`, whatever object `test` hangs on. */
function isCase(node) {
  if (!ts.isArrowFunction(node) && !ts.isFunctionExpression(node)) return false
  if (!ts.isCallExpression(node.parent)) return false
  let callee = node.parent.expression
  while (ts.isPropertyAccessExpression(callee) && !CASE_NAMES.has(callee.name.text)) callee = callee.expression
  return CASE_NAMES.has(ts.isPropertyAccessExpression(callee) ? callee.name.text : callee.getText())
}
