/**
 * The Standard Schema interface (https://standardschema.dev), reduced to what Waybill reads, so
 * that zod, valibot, arktype and others are accepted without a dependency on any.
 */
import { WaybillError } from './errors.js'

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export type SchemaInput<S> = S extends StandardSchema<infer Input, unknown> ? Input : never
export type SchemaOutput<S> = S extends StandardSchema<never, infer Output> ? Output
  : S extends StandardSchema<infer _Input, infer Output> ? Output : never

/** @throws VALIDATION listing the issues, at most ten. */
export async function parseSchema<T>(schema: StandardSchema<unknown, T>, value: unknown): Promise<T> {
  return accept(await schema['~standard'].validate(value))
}

/** @throws ASYNC_SCHEMA when the schema answers with a promise; VALIDATION as `parseSchema`. */
export function parseSchemaSync<T>(schema: StandardSchema<unknown, T>, value: unknown): T {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    result.catch(() => undefined)
    throw new WaybillError('ASYNC_SCHEMA', 'this schema validates asynchronously; use the asynchronous enqueue')
  }
  return accept(result)
}

function accept<T>(result: SchemaResult<T>): T {
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, 10).map((issue) => {
    const path = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  throw new WaybillError('VALIDATION', `payload does not match its schema: ${issues.join('; ')}`, {
    details: { field: 'payload', issues: result.issues.length },
  })
}
