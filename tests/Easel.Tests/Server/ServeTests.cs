using System.Net;
using System.Net.Sockets;
using Easel.Cli;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Tests.Server;

/// <summary>Guards <c>easel serve</c> itself: its one line, its sentences when it cannot start, what it tells those who run and those who call it.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task SaysWhereItIsAndEndsWhenAsked()
    {
        using var cancel = new CancellationTokenSource();
        var lines = new Lines();
        var shell = Cli.Command.Shell(cancel: cancel.Token) with { Out = lines };
        var run = Task.Run(() => Cli.Command.Run(shell, "serve", "--port", "0", "--output", _folder.Path("out"), "--models", RunningServer.Model));
        var address = (await lines.First.Task.WaitAsync(TimeSpan.FromSeconds(30)))["Easel is at ".Length..];
        using var client = new HttpClient { BaseAddress = new Uri(address) };
        Assert.Equal("alive", await client.GetStringAsync("health/live"));
        await cancel.CancelAsync();
        Assert.Equal((ExitCodes.Ok, ""), ((await run).Code, (await run).Error));
    }

    [Fact]
    public void WhatKeepsItFromStartingIsOneSentence()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString();
        Assert.Contains($"port {port} of 127.0.0.1 is in use", Refused("--port", port));
        File.WriteAllText(_folder.Path("file"), "");
        Assert.Contains("cannot be saved", Refused("--output", _folder.Path("file")));
        Assert.Contains("--token", Refused("--host", "0.0.0.0"));
        Assert.Contains("--host is nonsense", Refused("--host", "nonsense"));
        Assert.Contains("no model or folder", Refused("--models", _folder.Path("nowhere")));
        Assert.Contains("no origin", Refused("--cors", "*"));
        Assert.Contains("65535", Refused("--port", "70000"));

        string Refused(params string[] flags)
        {
            var (code, output, error) = Cli.Command.Run(["serve", "--output", _folder.Path("out"), "--models", RunningServer.Model, .. flags]);
            Assert.NotEqual(ExitCodes.Ok, code);
            Assert.Equal("", output);
            Assert.Single(error.Trim().Split('\n'));
            return error;
        }
    }

    private sealed class Lines : StringWriter
    {
        public TaskCompletionSource<string> First { get; } = new();

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            First.TrySetResult(value!);
        }
    }
}
