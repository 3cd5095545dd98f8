// node openai.mjs ADDRESS: what a user of OpenAI's own package does, and what they saw as JSON.
import OpenAI, { toFile } from 'openai'

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: 'secret', maxRetries: 0 })
const bytes = text => Buffer.from(text, 'base64')
const drawn = await client.images.generate({ model: 'gpt-image-1', prompt: 'a cat', n: 2, size: '64x64', seed: 5, steps: 2, output_format: 'jpeg', output_compression: 80 })
const byUrl = await client.images.generate({ prompt: 'a cat', size: '64x64', steps: 1, response_format: 'url' })
const fetched = await fetch(byUrl.data[0].url, { headers: { Authorization: 'Bearer secret' } })
const picture = Buffer.from(await fetched.arrayBuffer())
const upload = () => toFile(picture, 'picture.png', { type: 'image/png' })
const edited = await client.images.edit({ image: await upload(), prompt: 'a hat', steps: 2, response_format: 'b64_json' })
const varied = await client.images.createVariation({ image: await upload(), n: 2, response_format: 'b64_json', steps: 2 })

const events = []
for await (const event of await client.images.generate({ model: 'gpt-image-1', prompt: 'a cat', size: '64x64', steps: 60, stream: true, partial_images: 2 })) {
  events.push([event.type, event.partial_image_index ?? null, event.size, bytes(event.b64_json).subarray(1, 4).toString()])
}
const refused = []
for (const body of [{ prompt: 'a cat', size: '65x64' }, { prompt: 'a cat', model: 'no-such-model' }]) {
  try {
    await client.images.generate(body)
  } catch (error) {
    refused.push([error.status, error.constructor.name, error.param, error.code])
  }
}
const models = []
for await (const model of client.models.list()) models.push(model.id)
console.log(JSON.stringify({
  drawn: drawn.data.map(image => bytes(image.b64_json).readUInt16BE(0)),
  seeds: drawn.data.map(image => image.seed),
  type: fetched.headers.get('content-type'),
  edited: edited.data.length,
  varied: varied.data.length,
  events,
  refused,
  models,
  model: (await client.models.retrieve(models[0])).object,
}))
