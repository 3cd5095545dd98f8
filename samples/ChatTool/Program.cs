// A chat whose model can draw: it is given one function, draw(prompt). dotnet run -- "Please draw an apple."
// The chat model here is a stand-in that asks for the tool as a real one would; put any other IChatClient in its place.
using ChatTool;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

var services = new ServiceCollection();
services.AddEasel();
await using var provider = services.BuildServiceProvider();
var generator = provider.GetRequiredService<Microsoft.Extensions.AI.IImageGenerator>();

var draw = AIFunctionFactory.Create(async (string prompt, CancellationToken cancel) =>
{
    var response = await generator.GenerateImagesAsync(prompt, cancellationToken: cancel);
    var file = Path.GetFullPath("drawn.png");
    await File.WriteAllBytesAsync(file, ((DataContent)response.Contents[0]).Data, cancel);
    return file;
}, "draw", "Draws a picture of what the prompt says and returns its file.");

using IChatClient chat = new StandIn().AsBuilder().UseFunctionInvocation().Build();
var answer = await chat.GetResponseAsync(args.Length > 0 ? args[0] : "Please draw an apple.", new ChatOptions { Tools = [draw] });
Console.WriteLine(answer.Text);
