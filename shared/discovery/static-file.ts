import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { z } from 'zod'
import { type Clock, systemClock } from '../clock/index.ts'
import { parseYaml, resolveConfig } from '../config/index.ts'
import { AppError } from '../errors/index.ts'
import { type Log, silentLog } from '../log/index.ts'
import { engineKinds } from '../model/engine.ts'
import type { Duration } from '../time/index.ts'
import { usualPorts } from './consul-answer.ts'
import { type DiscoveredInstance, type Discovery, instanceKey, type SourceHealth } from './port.ts'
import { reportChanges } from './reporter.ts'

export interface StaticFileOptions {
  readonly path: string
  /** How often the file is looked at; default 2 s. */
  readonly interval?: Duration
  readonly clock?: Clock
  readonly log?: Log
}

const fileSchema = z.strictObject({
  /** An empty list is a list; an empty file is a mistake. */
  instances: z.array(
    z.strictObject({
      /** Unique on its host. */
      name: z.string().min(1),
      engine: z.enum(engineKinds),
      /** The host's name, as its agent knows itself. */
      host: z.string().min(1),
      /** Where to connect; default the host. */
      address: z.string().min(1).optional(),
      port: z.int().min(1).max(65_535).optional(),
      node_id: z.string().default(''),
      datacenter: z.string().min(1).default('static'),
      tags: z.array(z.string()).default([]),
      meta: z.record(z.string(), z.string()).default({}),
    }),
  ),
})

/** Reads the text of a static file. Throws `discovery.invalid` with every problem and its line. */
export function instancesFromYaml(text: string, path: string): readonly DiscoveredInstance[] {
  const instances = parse(text, path).instances.map(
    (entry): DiscoveredInstance => ({
      datacenter: entry.datacenter,
      namespace: 'default',
      nodeId: entry.node_id,
      nodeName: entry.host,
      nodeAddress: entry.address ?? entry.host,
      serviceId: entry.name,
      serviceName: entry.name,
      address: entry.address ?? entry.host,
      port: entry.port ?? usualPorts[entry.engine],
      tags: entry.tags,
      meta: entry.meta,
      engine: entry.engine,
    }),
  )
  const keys = instances.map(instanceKey)
  const twice = instances.filter((instance, index) => keys.indexOf(instanceKey(instance)) !== index)
  if (twice.length > 0)
    throw invalid(
      path,
      twice.map(each => `instance ${each.serviceId} on ${each.nodeName} is listed twice`),
    )
  return instances
}

function parse(text: string, path: string): z.infer<typeof fileSchema> {
  try {
    const yaml = parseYaml(text, basename(path))
    return resolveConfig({
      schema: fileSchema,
      file: { path, yaml },
      environment: {},
      prefix: 'HOLDFAST_',
      flags: {},
    }).value
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== 'config.invalid') throw thrown
    const { problems } = thrown.context
    throw invalid(path, Array.isArray(problems) ? problems.map(String) : [thrown.message])
  }
}

function invalid(path: string, problems: readonly string[]): AppError {
  return new AppError('discovery.invalid', {
    message: `the instance file ${path} has problems: ${problems.join('; ')}`,
    hint: 'Correct the file; the last good content stays in effect until then.',
    context: { file: path, problems },
  })
}

/**
 * Instances from a YAML file, looked at every `interval` and read again when it changed. A bad edit, or a file
 * that went away, keeps the last good content and is reported.
 */
export function staticFileDiscovery(options: StaticFileOptions): Discovery {
  const clock = options.clock ?? systemClock
  const log = options.log ?? silentLog
  const interval = options.interval ?? 2_000
  const source = 'static-file'
  return {
    source,
    watch: async (onSnapshot, signal) => {
      const report = reportChanges(onSnapshot, log)
      let instances: readonly DiscoveredInstance[] = []
      let judged: { readonly text: string; readonly health: SourceHealth } | undefined
      const judge = (text: string): SourceHealth => {
        try {
          instances = instancesFromYaml(text, options.path)
          return { kind: 'ok' }
        } catch (thrown) {
          return { kind: 'failing', error: AppError.from(thrown, 'discovery.invalid') }
        }
      }
      while (!signal.aborted) {
        let health: SourceHealth
        try {
          // The file is small: its text tells a change more surely than its times do
          const text = await readFile(options.path, 'utf8')
          if (judged?.text !== text) judged = { text, health: judge(text) }
          health = judged.health
        } catch (thrown) {
          health = { kind: 'failing', error: unreadable(options.path, thrown) }
        }
        report({ source, instances, health })
        await clock.sleep(interval, signal).catch(() => undefined)
      }
    },
  }
}

function unreadable(path: string, thrown: unknown): AppError {
  const reason = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
  return new AppError('discovery.unavailable', {
    message: `the instance file ${path} cannot be read: ${reason}`,
    context: { file: path, reason },
    cause: thrown,
  })
}
