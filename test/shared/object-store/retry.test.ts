import { describe, expect, it } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import { withRetries } from '../../../shared/object-store/retry.ts'
import { judge } from '../../../shared/object-store/s3/judge.ts'

const policy = { attempts: 4, baseMs: 1, capMs: 3 }
const about = { operation: 'put', bucket: 'b', key: 'k' }

describe('retries', () => {
  it('end at once for what trying again cannot help', async () => {
    let tries = 0
    const denied = Object.assign(new Error('no'), {
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
    })
    const running = withRetries(
      async () => {
        tries++
        throw denied
      },
      thrown => judge(thrown, about),
      policy,
      undefined,
    )
    await expect(running).rejects.toMatchObject({ code: 'object-store.denied' })
    expect(tries).toBe(1)
  })

  it('end when aborted between two tries, with the cause that was given', async () => {
    const controller = new AbortController()
    let tries = 0
    const running = withRetries(
      async () => {
        if (++tries === 2) controller.abort(new AppError('job.cancelled'))
        throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      },
      thrown => judge(thrown, about),
      { attempts: 100, baseMs: 1, capMs: 5 },
      controller.signal,
    )
    await expect(running).rejects.toMatchObject({ code: 'job.cancelled' })
    expect(tries).toBe(2)
  })
})

describe('an error of the SDK', () => {
  const sdk = (name: string, status: number, more: object = {}) =>
    Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status, requestId: 'r1' }, ...more })

  it.each([
    [sdk('NoSuchBucket', 404), 'object-store.bucket-missing', false],
    [sdk('NotFound', 404), 'object-store.not-found', false],
    [sdk('NoSuchUpload', 404), 'object-store.upload-gone', false],
    [sdk('PreconditionFailed', 412), 'object-store.exists', false],
    [sdk('ConditionalRequestConflict', 409), 'object-store.failed', true],
    [sdk('Unknown', 500), 'object-store.failed', true],
    [sdk('Unknown', 503), 'object-store.throttled', true],
    [sdk('Unknown', 429), 'object-store.throttled', true],
    [sdk('Unknown', 403), 'object-store.denied', false],
    [sdk('BadDigest', 400), 'object-store.corrupt', true],
    [sdk('InvalidPart', 400), 'object-store.corrupt', false],
    [sdk('SyntaxError', 200), 'object-store.failed', true],
    [sdk('TimeoutError', 0), 'object-store.unreachable', true],
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'object-store.unreachable', true],
    [Object.assign(new Error('x'), { code: 'ENOTFOUND' }), 'object-store.unreachable', true],
    [new Error('socket hang up'), 'object-store.unreachable', true],
    [
      Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' }),
      'object-store.denied',
      false,
    ],
    [new Error('something else'), 'object-store.failed', false],
  ] as const)('%s becomes %s', (thrown, code, retryable) => {
    const judged = judge(thrown, about)
    expect(judged.error.code).toBe(code)
    expect(judged.retryable).toBe(retryable)
    expect(judged.error.context).toMatchObject({ operation: 'put', bucket: 'b', key: 'k' })
  })

  it.each([
    sdk('PermanentRedirect', 301, { Endpoint: 'b.s3.eu-central-1.amazonaws.com' }),
    sdk('Unknown', 301, { $response: { headers: { 'x-amz-bucket-region': 'eu-central-1' } } }),
    sdk('Unknown', 400, { $response: { headers: { 'x-amz-bucket-region': 'eu-central-1' } } }),
    sdk('AuthorizationHeaderMalformed', 400, { Region: 'eu-central-1' }),
  ])('about a wrong region names the right one', thrown => {
    expect(judge(thrown, about).error.toFailure()).toMatchObject({
      code: 'object-store.wrong-region',
      message: 'the bucket is in region eu-central-1',
      context: { region: 'eu-central-1' },
    })
  })
})
