using Microsoft.Extensions.DependencyInjection;
using SK.FasterVlm.Core.Tests.Fakes;

namespace SK.FasterVlm.Tests;

/// <summary>A scripted model behind the registrations: the host is registered first, and the library keeps it.</summary>
sealed class HostedFake
{
    public FakeModel? Fake { get; private set; }

    public int Loads { get; private set; }

    public void AddTo(IServiceCollection services, string? serviceId = null, FasterVlmOptions? options = null, params string[] answers)
    {
        options ??= new() { ModelId = "scripted" };
        services.AddKeyedSingleton(serviceId, new FasterVlmModelHost(options, async token =>
        {
            Loads++;
            await Task.Yield();
            token.ThrowIfCancellationRequested();
            Fake = new FakeModel(options, answers);
            return Fake.Model;
        }));
    }
}
