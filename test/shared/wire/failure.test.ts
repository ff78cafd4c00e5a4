import { Metadata, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import {
  appErrorFromServiceError,
  appErrorToStatus,
  errorMetadataKey,
} from '../../../shared/wire/call-failure.ts'
import { failureFromWire, failureToWire } from '../../../shared/wire/failure.ts'

const serviceError = (code: status, metadata: Metadata, details = 'x') =>
  Object.assign(new Error(details), { code, details, metadata })

describe('errors on the wire', () => {
  it('a failed call carries code, hint and context to the other side', () => {
    const error = new AppError('tool.missing', {
      message: 'pg_dump is missing',
      context: { tool: 'pg_dump', searched: ['/a', '/b'], tries: 2 },
    })
    const sent = appErrorToStatus(error)
    expect(sent.code).toBe(status.FAILED_PRECONDITION)
    const received = appErrorFromServiceError(serviceError(sent.code ?? 0, sent.metadata ?? new Metadata()))
    expect(received.code).toBe('tool.missing')
    expect(received.message).toBe('pg_dump is missing')
    expect(received.traits.hint).toBe(error.traits.hint)
    expect(received.context).toEqual({ tool: 'pg_dump', searched: ['/a', '/b'], tries: '2' })
  })

  it('a cause never leaves the process', () => {
    const wire = failureToWire(new AppError('internal', { cause: new Error('secret detail') }))
    expect(JSON.stringify(wire)).not.toContain('secret detail')
  })

  it('a code of a newer peer is internal and keeps its name', () => {
    const failure = failureFromWire({ code: 'new.thing', message: 'm', hint: 'h', context: [], problems: [] })
    expect(failure).toEqual({
      code: 'internal',
      message: 'm',
      hint: 'h',
      context: { peer_code: 'new.thing' },
    })
  })

  it('a peer chooses no object keys of ours', () => {
    const failure = failureFromWire({
      code: 'conflict',
      message: '',
      hint: '',
      context: [
        { name: '__proto__', value: 'x' },
        { name: 'toString', value: 'y' },
      ],
      problems: [],
    })
    expect(Object.getPrototypeOf(failure.context)).toBe(Object.prototype)
    expect(failure.context['toString']).toBe('y')
  })

  it('problems of a request arrive as lines', () => {
    const wire = failureToWire(new AppError('request.invalid'), [
      { field: 'into', problem: 'is empty', expected: 'a name' },
    ])
    expect(failureFromWire(wire).context['problems']).toEqual(['into: is empty, expected a name'])
  })

  it('an error larger than headers allow is cut, not lost', () => {
    const sent = appErrorToStatus(
      new AppError('stage.failed', {
        context: { stderr: 'e'.repeat(100_000), more: Array.from({ length: 500 }, () => 'x'.repeat(100)) },
      }),
    )
    const bytes = sent.metadata?.get(errorMetadataKey)[0]
    expect(Buffer.isBuffer(bytes) && bytes.length).toBeLessThan(8_000)
    expect(appErrorFromServiceError(serviceError(status.ABORTED, sent.metadata ?? new Metadata())).code).toBe(
      'stage.failed',
    )
  })

  it.each([
    [status.UNAVAILABLE, 'coordinator.unreachable'],
    [status.DEADLINE_EXCEEDED, 'coordinator.deadline'],
    [status.UNIMPLEMENTED, 'coordinator.older'],
    [status.PERMISSION_DENIED, 'access.denied'],
    [status.INTERNAL, 'internal'],
  ])('status %i of the transport alone is told as %s', (code, expected) => {
    expect(appErrorFromServiceError(serviceError(code, new Metadata())).code).toBe(expected)
  })

  it('garbage under our key is judged by its status', () => {
    const metadata = new Metadata()
    metadata.set(errorMetadataKey, Buffer.from([0xff, 0xff, 0xff]))
    expect(appErrorFromServiceError(serviceError(status.UNAVAILABLE, metadata)).code).toBe(
      'coordinator.unreachable',
    )
  })

  it('what is no service error stays what it is', () => {
    expect(appErrorFromServiceError(new AppError('conflict')).code).toBe('conflict')
    expect(appErrorFromServiceError(new TypeError('x')).code).toBe('internal')
  })
})
