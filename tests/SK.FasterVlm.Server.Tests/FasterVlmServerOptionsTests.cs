using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests;

/// <summary>Options out of range are refused when the application starts, never clamped.</summary>
public sealed class FasterVlmServerOptionsTests
{
    public static TheoryData<string, object, object, object, object> Ranges => new()
    {
        // name, just too small, smallest, largest, just too large
        { nameof(FasterVlmServerOptions.MaxBodyBytes), 1023L, 1024L, 400_000_000L, 1_000_000_001L },
        { nameof(FasterVlmServerOptions.MaxConcurrentRequests), 0, 1, 100_000, 100_001 },
        { nameof(FasterVlmServerOptions.BodyTimeout), TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1.1) },
        { nameof(FasterVlmServerOptions.MaxIncomingRequests), 0, 1, 100_000, 100_001 },
        { nameof(FasterVlmServerOptions.DrainTime), TimeSpan.FromTicks(-1), TimeSpan.Zero, TimeSpan.FromHours(1), TimeSpan.FromHours(1.1) },
        { nameof(FasterVlmServerOptions.MaxJsonDepth), 7, 8, 64, 65 },
        { nameof(FasterVlmServerOptions.MaxMessages), 0, 1, 10_000, 10_001 },
        { nameof(FasterVlmServerOptions.MaxParts), 0, 1, 10_000, 10_001 },
        { nameof(FasterVlmServerOptions.MaxTextLength), 0, 1, 100_000_000, 100_000_001 },
        { nameof(FasterVlmServerOptions.MaxTools), -1, 0, 1024, 1025 },
        { nameof(FasterVlmServerOptions.MaxChoices), 0, 1, 64, 65 },
        { nameof(FasterVlmServerOptions.RequestTimeout), TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromDays(1), TimeSpan.FromDays(1.1) },
        { nameof(FasterVlmServerOptions.StreamKeepAlive), TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(11) },
        { nameof(FasterVlmServerOptions.RetryAfter), TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1.1) },
        { nameof(FasterVlmServerOptions.ImageFetchTimeout), TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(5.1) },
        { nameof(FasterVlmServerOptions.MaxImageRedirects), -1, 0, 10, 11 },
    };

    static FasterVlmServerOptions With(string name, object value)
    {
        FasterVlmServerOptions options = new();
        typeof(FasterVlmServerOptions).GetProperty(name)!.SetValue(options, value);
        return options;
    }

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Both_ends_of_a_range_are_taken_and_what_lies_beyond_is_named(string name, object below, object smallest, object largest, object above)
    {
        With(name, smallest).Validate();
        With(name, largest).Validate();
        Assert.StartsWith($"{name} must be ", Assert.Throws<ArgumentException>(With(name, below).Validate).Message);
        Assert.StartsWith($"{name} must be ", Assert.Throws<ArgumentException>(With(name, above).Validate).Message);
    }

    [Fact]
    public void A_stream_may_be_silent_for_ever() => With(nameof(FasterVlmServerOptions.StreamKeepAlive), Timeout.InfiniteTimeSpan).Validate();

    [Theory]
    [InlineData("short")]
    [InlineData("with a blank")]
    [InlineData("schlüssel-1")]
    public void A_key_is_at_least_eight_visible_letters(string key) =>
        Assert.StartsWith("ApiKeys must be ", Assert.Throws<ArgumentException>(new FasterVlmServerOptions { ApiKeys = [key] }.Validate).Message);

    [Fact]
    public async Task An_application_with_a_wrong_option_does_not_start()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static k => k.Listen(System.Net.IPAddress.Loopback, 0));
        builder.Services.AddSingleton<IChatClient>(new ScriptedChatClient());
        builder.Services.AddFasterVlmServer(static o => o.MaxParts = 0);
        await using WebApplication app = builder.Build();
        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => app.StartAsync(RunningServer.Test));
        Assert.Equal("MaxParts must be 1 to 10000.", error.Message);
    }
}
