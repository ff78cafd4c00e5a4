import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { type Manifest, manifestSchema } from '../../shared/model/manifest.ts'
import { projectRoot } from './project-root.ts'

let compiled: ValidateFunction | undefined

/** What a manifest breaks of the JSON Schema we publish; empty when it fits. */
export function againstPublishedSchema(content: unknown): readonly string[] {
  compiled ??= new Ajv2020({ strict: false, allErrors: true }).compile(
    JSON.parse(readFileSync(join(projectRoot, 'docs/reference/manifest-v1.schema.json'), 'utf8')) as object,
  )
  if (compiled(content)) return []
  return (compiled.errors ?? []).map(each => `${each.instancePath || '/'} ${each.message ?? each.keyword}`)
}

/**
 * Reads a manifest that a test made or found: it must fit the published schema and ours alike. Throws
 * with every problem.
 */
export function readManifestStrictly(bytes: Uint8Array | string): Manifest {
  const content: unknown = JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8'))
  const problems = againstPublishedSchema(content)
  if (problems.length > 0)
    throw new Error(
      `the manifest does not fit docs/reference/manifest-v1.schema.json: ${problems.join('; ')}`,
    )
  return manifestSchema.parse(content)
}
