import tseslint from 'typescript-eslint'

const shape = [
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
]
const noDefaultExport = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  { selector: 'ExportSpecifier[exported.name="default"]', message: 'Export by name.' },
]
const fromEnvironment = 'Take it from the environment (src/core/environment.ts), so that tests control it.'
const noHiddenInputs = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: fromEnvironment },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: fromEnvironment },
  { selector: "CallExpression[callee.name='Date']", message: fromEnvironment },
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: fromEnvironment },
]

export default tseslint.config(
  { ignores: ['dist/', 'build/', '.cache/', 'coverage/', 'compat/', '**/node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', ...shape, ...noDefaultExport],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Off: namespaces hold no code here, and `declare module` augmentation needs empty interfaces at times.
      '@typescript-eslint/no-empty-object-type': 'off',
    },
  },
  {
    // The rules that need types; only these, because each costs time.
    files: ['src/**/*.ts', 'test/**/*.ts', 'chaos/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    // Clock, randomness and output come through src/core/environment.ts; the program talks to a person.
    files: ['src/**/*.ts'],
    ignores: ['src/core/environment.ts', 'src/cli/**'],
    rules: {
      'no-restricted-syntax': ['error', ...shape, ...noDefaultExport, ...noHiddenInputs],
      'no-restricted-globals': ['error', { name: 'console', message: 'Use the logger of the environment.' }],
    },
  },
  {
    // Off in tests: they assert on values they have just put there.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    // Tools read their configuration from a default export.
    files: ['*.config.js', '*.config.ts'],
    rules: { 'no-restricted-syntax': ['error', ...shape] },
  },
  {
    // Off: CommonJS is what dependency-cruiser loads.
    files: ['**/*.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
)
