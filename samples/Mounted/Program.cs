// Easel's page and APIs as a part of an application: dotnet run, then open /easel/.
using Easel.Server;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddEaselServer(new ServerOptions { OutputFolder = "pictures" }); // draws with the model of Easel.Sketch, or those in the folder "models"

var app = builder.Build();
app.MapGet("/", () => "The page is at /easel/.");
app.MapEasel("/easel");
app.Run();
