using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards what the AUTOMATIC1111 API refuses, and that it says why.</summary>
public sealed class SdapiRefusalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task WhatCannotBeDoneIsSaid()
    {
        await using var server = await RunningServer.Start(_folder);
        await Refused("""{"subseed_strength": 1.5}""", 422, "subseed_strength is 1.5");
        await Refused("""{"styles": [null]}""", 422, "styles");
        await Refused("""{"steps": 20.5}""", 422, "steps is 20.5; it must be a whole number");
        await Refused("""{"enable_hr": "maybe"}""", 422, "enable_hr");
        await Refused("""{"n_iter": [1]}""", 422, "n_iter");
        await Refused("""{"prompt": {"a": 1}}""", 422, "prompt");
        await Refused("""{"override_settings": {"s_churn": "much"}}""", 422, "s_churn");
        await Refused("""{"override_settings": {"sigma_min": 2000}}""", 422, "The option sigma_min is 2000");
        await Refused("""{"alwayson_scripts": {"ADetailer": {"args": [true, false, {"ad_model": "hand_yolov8n.pt"}]}}}""", 422, "ADetailer");
        await Refused("""{"alwayson_scripts": {"Refiner": {"args": [true, "other", 0.8]}}}""", 422, "to refine with");
        await Refused("""{"s_churn": -5}""", 422, "s_churn is -5; it must be from 0 to 100.");
        await Refused("""{"refiner_checkpoint": "x", "refiner_switch_at": 0.8}""", 422, "to refine with");
        await Refused("""{"refiner_checkpoint": "x", "refiner_switch_at": 1.5}""", 422, "refiner_switch_at is 1.5; it must be from 0 to 1.");
        await Refused("""{"alwayson_scripts": {"controlnet": {"args": [{"enabled": true}]}}}""", 422, "controlnet");
        await Refused("""{"sampler_name": "Eulr"}""", 400, "Sampler not found");
        await Refused("""{"scheduler": "Karas"}""", 400, "schedule");
        await Refused("""{"override_settings": {"CLIP_stop_at_last_layers": 13}}""", 422, "CLIP_stop_at_last_layers");
        await Refused("""{"override_settings": {"samples_format": "avif"}}""", 422, "avif");
        await Refused("""{"steps": 0}""", 422, "steps is 0; it must be from 1 to 1000.");
        await Refused("""{"batch_size": 0}""", 422, "batch_size");
        await Refused("""{"n_iter": 101}""", 422, "allows 100");
        await Refused("""{"enable_hr": true, "hr_upscaler": "none such"}""", 422, "none such");
        await Refused("""{"enable_hr": true, "hr_upscaler": "Lanczos", "hr_scale": 5}""", 400, "pixels of the second pass");
        await Refused("""{"enable_hr": true, "hr_upscaler": "Lanczos", "hr_checkpoint_name": "other"}""", 422, "no model");
        await Refused("""{"enable_hr": true, "hr_upscaler": "Lanczos", "hr_sampler_name": "Eulr"}""", 400, "Eulr");
        await Refused("""{"steps": "many"}""", 422, "steps");
        await Refused("""[]""", 422, "object");
        await Refused("""{"steps": """, 422, "body");
        Assert.Empty((await server.Get("api/jobs")).GetProperty("over").EnumerateArray());

        async Task Refused(string body, int status, string part)
        {
            var answer = await server.Client.PostAsync("sdapi/v1/txt2img", new StringContent(body, Encoding.UTF8, "application/json"));
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(status == (int)answer.StatusCode, $"{body}: {(int)answer.StatusCode} {text}");
            Assert.Contains(part, text);
            var json = JsonDocument.Parse(text).RootElement;
            Assert.True(json.GetProperty("detail").ValueKind == JsonValueKind.Array
                || json.GetProperty("errors").GetString() == json.GetProperty("detail").GetString(), text);
        }
    }

    [Fact]
    public async Task PicturesThatCannotBeUsedAreSaid()
    {
        await using var server = await RunningServer.Start(_folder);
        await Refused("""{"init_images": null}""", 404, "Init image not found");
        await Refused("""{"init_images": ["@@"]}""", 422, "base64");
        await Refused("""{"init_images": ["http://127.0.0.1/a.png"]}""", 422, "address");
        await Refused("""{"init_images": ["x"], "resize_mode": 4}""", 422, "resize_mode");
        await Refused("""{"init_images": ["x"], "inpainting_fill": 4}""", 422, "inpainting_fill");
        await Refused("""{"init_images": ["x"], "latent_mask": "x"}""", 422, "latent_mask");

        await Null("img2img", """{"init_images": [null]}""", "init_images");
        await Null("extra-batch-images", """{"imageList": [null]}""", "imageList[0]");
        await Null("extra-batch-images", """{"imageList": [{"data": null, "name": null}]}""", "imageList[0].data");
        await Null("extra-batch-images", """{"imageList": null}""", "imageList");

        async Task Null(string route, string body, string field)
        {
            var answer = await server.Client.PostAsync("sdapi/v1/" + route, new StringContent(body, Encoding.UTF8, "application/json"));
            Assert.Equal(422, (int)answer.StatusCode);
            Assert.Equal(field, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail")[0].GetProperty("loc")[1].GetString());
        }

        async Task Refused(string body, int status, string part)
        {
            var answer = await server.Client.PostAsync("sdapi/v1/img2img", new StringContent(body, Encoding.UTF8, "application/json"));
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Contains(part, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString());
        }
    }
}
