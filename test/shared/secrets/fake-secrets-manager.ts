import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A Secrets Manager of its own in this process: AWS's JSON protocol 1.1, without looking at signatures. */
export interface FakeSecretsManager extends AsyncDisposable {
  readonly endpoint: string
  /** By name; a test changes them as it likes. */
  readonly secrets: Map<string, string>
  readonly asked: readonly { readonly headers: IncomingHttpHeaders; readonly body: unknown }[]
}

export async function fakeSecretsManager(
  secrets: Readonly<Record<string, string>>,
): Promise<FakeSecretsManager> {
  const held = new Map(Object.entries(secrets))
  const asked: { headers: IncomingHttpHeaders; body: unknown }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { SecretId?: string }
    asked.push({ headers: request.headers, body })
    const answer = (status: number, said: object) => {
      response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify(said))
    }
    if (request.headers['x-amz-target'] !== 'secretsmanager.GetSecretValue')
      return answer(400, { __type: 'UnknownOperationException' })
    const value = held.get(body.SecretId ?? '')
    if (value === undefined)
      return answer(400, {
        __type: 'ResourceNotFoundException',
        Message: "Secrets Manager can't find the specified secret.",
      })
    answer(200, {
      ARN: `arn:aws:secretsmanager:eu-central-1:1:secret:${body.SecretId}-AbCdEf`,
      ...{ Name: body.SecretId, SecretString: value, VersionId: 'v', VersionStages: ['AWSCURRENT'] },
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets: held,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
