import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type {
  DumpSession,
  Engine,
  InstanceTarget,
  RestoreSession,
  ThrowawayServers,
} from '../../../agent/engines/port.ts'
import type { Command } from '../../../agent/process/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { CensusCounts } from '../../../shared/model/census.ts'

/** An engine whose "databases" are shell scripts and whose "server" is a folder: real processes, no server. */
export interface FakeEngine extends Engine {
  /** What was called, in order. */
  readonly calls: string[]
}

export interface FakeEngineOptions {
  /** Shell script of each stream's producer; default 300 kB of numbers. */
  readonly streams?: readonly string[]
  /** Where restores are written. */
  readonly folder?: string
  readonly dataAsOf?: number
  readonly onOpenDump?: (scope: 'database' | 'cluster') => Promise<void>
  readonly verify?: () => Promise<void>
  readonly prepareCommit?: () => Promise<void>
  readonly consumer?: string
  readonly census?: (signal: AbortSignal) => Promise<CensusCounts | undefined>
  readonly count?: () => Promise<CensusCounts>
  readonly throwaway?: ThrowawayServers
}

/** Counts with one table. */
export function counts(rows: number, changes: Partial<CensusCounts> = {}): CensusCounts {
  return {
    tables: [{ schema: 'public', name: 'orders', rows: String(rows) }],
    sequences: [],
    objects: {},
    skipped: [],
    ...changes,
  }
}

export const fakeTarget: InstanceTarget = { engine: 'postgres', host: '127.0.0.1', port: 5432, user: 'fake' }

function shell(name: string, script: string, ...args: readonly string[]): Command {
  return { name, program: '/bin/sh', args: ['-c', script, name, ...args] }
}

export function fakeEngine(options: FakeEngineOptions = {}): FakeEngine {
  const calls: string[] = []
  const scripts = options.streams ?? ['seq 1 50000']
  return {
    calls,
    kind: 'postgres',
    capabilities: { globals: true, renameDatabase: true, maxNameBytes: 63 },
    probe: async () => ({
      serverVersion: '15.0',
      role: 'primary',
      evidence: [{ kind: 'fake', value: '1' }],
      clockOffsetMs: 5,
      tools: {},
      missingPrivileges: [],
    }),
    inventory: async () => [{ name: 'orders', sizeBytes: 1, connectable: true, evidence: [] }],
    openDump: async (_target, subject) => {
      calls.push(`openDump ${subject.scope}`)
      await options.onOpenDump?.(subject.scope)
      return {
        dataAsOf: options.dataAsOf ?? 1_700_000_000_000,
        clockOffsetMs: 5,
        engine: { kind: 'postgres', server_version: '15.0', tools: [{ name: 'sh', version: '1' }] },
        evidence: [{ kind: 'fake', value: '1' }],
        requirements: { extensions: [], preload_libraries: [], locales: [], tablespaces: [], roles: [] },
        streams: scripts.map((script, index) => ({
          name: `00${index}-full`,
          format: 'sql' as const,
          command: shell('dump', script),
          predictedBytes: 0,
        })),
        warnings: [],
        diagnose: (_stream, tail) =>
          tail.includes('no such database') ? new AppError('database.gone') : undefined,
        verify: async () => {
          calls.push('verify')
          await options.verify?.()
        },
        ...(options.census === undefined
          ? {}
          : {
              census: async signal => {
                const counted = await options.census?.(signal)
                calls.push('counted')
                return counted
              },
            }),
        close: async () => {
          calls.push('close')
        },
      } satisfies DumpSession
    },
    openRestore: async (_target, _source, into, attemptId) => {
      const folder = options.folder ?? '/nonexistent'
      const target = join(folder, into)
      const hidden = `${target}__restoring_${attemptId}`
      calls.push('openRestore')
      if (existsSync(target)) throw new AppError('restore.target-exists', { context: { target: into } })
      return {
        workingName: hidden,
        warnings: [],
        consumer: name => shell('restore', options.consumer ?? 'cat >> "$1"', hidden, name),
        diagnose: () => undefined,
        verify: async () => {},
        prepareCommit: async () => {
          calls.push('prepareCommit')
          await options.prepareCommit?.()
        },
        commit: async () => {
          calls.push('commit')
          await rename(hidden, target)
        },
        abandon: async () => {
          calls.push('abandon')
          await rm(hidden, { force: true })
        },
        close: async () => {
          calls.push('close')
        },
      } satisfies RestoreSession
    },
    ...(options.count === undefined ? {} : { count: options.count }),
    ...(options.throwaway === undefined ? {} : { throwaway: options.throwaway }),
  }
}
