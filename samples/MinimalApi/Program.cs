// Pictures by HTTP: dotnet run, then GET /picture?prompt=a+red+apple&seed=1
using Easel;
using Microsoft.Extensions.AI;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddEasel(options => options.Model = builder.Configuration["Model"]); // without one, the model of Easel.Sketch

var app = builder.Build();
app.MapGet("/picture", async (string prompt, long? seed, Microsoft.Extensions.AI.IImageGenerator generator, CancellationToken cancel) =>
{
    try
    {
        var response = await generator.GenerateImagesAsync(prompt, new ImageGenerationOptions
        {
            MediaType = "image/webp",
            RawRepresentationFactory = _ => new GenerationRequest { Seed = seed },
        }, cancel);
        var picture = (DataContent)response.Contents[0];
        return Results.Bytes(picture.Data, picture.MediaType);
    }
    catch (InvalidRequestException e)
    {
        return Results.Problem(e.Message, statusCode: StatusCodes.Status400BadRequest);
    }
});
app.Run();
