using System.Runtime.InteropServices;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Core.Tests.EndToEnd;

namespace SK.FasterVlm.Tests.Plugin;

/// <summary>Row U7 where paths come from: a model's tool argument. Whatever it writes, nothing outside of the folder is read.</summary>
public sealed partial class PathThreatTests : IDisposable
{
    static readonly byte[] s_picture = TinyPair.Picture(), s_secret = TinyPair.Picture(9);

    readonly string _base = Directory.CreateTempSubdirectory("fastervlm-paths-").FullName;
    readonly string _root;

    public PathThreatTests()
    {
        _root = Path.Combine(_base, "images");
        Directory.CreateDirectory(Path.Combine(_root, "sub"));
        File.WriteAllBytes(Path.Combine(_root, "a.png"), s_picture);
        File.WriteAllBytes(Path.Combine(_base, "secret.png"), s_secret);
        Directory.CreateDirectory(Path.Combine(_base, "images2"));
        File.WriteAllBytes(Path.Combine(_base, "images2", "secret.png"), s_secret);
    }

    public void Dispose() => Directory.Delete(_base, true);

    static CancellationToken Test => TestContext.Current.CancellationToken;

    Task<DataContent> Find(string reference) => new VisionImages(new VisionPluginOptions { AllowedRoot = _root }).FindAsync(reference, Test);

    [Theory]
    // every scheme that could be a file
    [InlineData("file:{secret}"), InlineData("file://{secret}"), InlineData("FILE:///{secret}"), InlineData("file://localhost{secret}"), InlineData("file:///proc/self/environ")]
    [InlineData("jar:file:{secret}!/a.png"), InlineData("netdoc://{secret}"), InlineData("vscode://file{secret}")]
    // steps out of the folder, plain and in disguise
    [InlineData("../secret.png"), InlineData("./../secret.png"), InlineData("sub/../../secret.png"), InlineData("sub/./.././../secret.png"), InlineData("a.png/../../secret.png")]
    [InlineData("../images2/secret.png"), InlineData("..//secret.png"), InlineData("....//secret.png"), InlineData(".. /secret.png"), InlineData("../secret.png/."), InlineData("../secret.png/")]
    [InlineData("%2e%2e/secret.png"), InlineData("%2e%2e%2fsecret.png"), InlineData("..%2fsecret.png"), InlineData("%252e%252e%252fsecret.png"), InlineData("..%c0%afsecret.png")]
    [InlineData("..\\secret.png"), InlineData("..%5csecret.png"), InlineData("sub\\..\\..\\secret.png"), InlineData("\uFF0E\uFF0E/secret.png"), InlineData("..\u2215secret.png"), InlineData("\u202E../secret.png")]
    // NUL and what else ends a name somewhere
    [InlineData("../secret.png\0.png"), InlineData("a.png\0/../../secret.png"), InlineData("\0"), InlineData("{secret}\0"), InlineData("../secret.png\n"), InlineData("../secret.png ")]
    // absolute, UNC, devices, other systems
    [InlineData("{secret}"), InlineData("/{secret}"), InlineData("//{secret}"), InlineData("//server/share/secret.png"), InlineData("\\\\server\\share\\secret.png"), InlineData("\\\\?\\{secret}")]
    [InlineData("\\\\.\\pipe\\x"), InlineData("\\??\\C:\\secret.png"), InlineData("C:\\secret.png"), InlineData("C:secret.png"), InlineData("a.png::$DATA"), InlineData("CON"), InlineData("NUL"), InlineData("~/secret.png"), InlineData("$HOME/secret.png")]
    [InlineData("/proc/self/environ"), InlineData("/proc/self/cwd/secret.png"), InlineData("/proc/self/root{secret}"), InlineData("/proc/self/fd/0"), InlineData("/proc/self/mem")]
    [InlineData("/dev/zero"), InlineData("/dev/random"), InlineData("/dev/stdin"), InlineData("/dev/tty"), InlineData("/dev/fd/0"), InlineData("/etc/passwd"), InlineData("/")]
    public async Task U7_whatever_a_model_calls_an_image_nothing_outside_the_folder_is_read(string reference)
    {
        string name = reference.Replace("{secret}", Path.Combine(_base, "secret.png"), StringComparison.Ordinal);
        VisionException error = await Assert.ThrowsAsync<VisionException>(() => Find(name));
        Assert.True(error.Code is VisionErrorCode.ImageNotAllowed or VisionErrorCode.ImageNotFound, $"{error.Code}: {error.Message}");
        Assert.DoesNotContain('\n', error.Message);
        // The message may repeat what the model wrote, and tells it nothing of the machine.
        Assert.DoesNotContain(_root, error.Message, StringComparison.Ordinal);
        Assert.Equal(s_picture, (await Find("a.png")).Data.ToArray());
    }

    [Fact]
    public async Task U7_pipes_sockets_and_devices_in_the_folder_are_not_opened()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "pipes are made by mkfifo here");
        // Opening a pipe that nobody writes to would wait for ever.
        using System.Diagnostics.Process made = System.Diagnostics.Process.Start("mkfifo", [Path.Combine(_root, "pipe.png")]);
        await made.WaitForExitAsync(Test);
        Assert.Equal(0, made.ExitCode);
        using System.Net.Sockets.Socket socket = new(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(Path.Combine(_root, "s.png")));
        foreach (string device in new[] { "/dev/zero", "/dev/stdin", "/proc/self/environ", "/proc/self/mem" })
            File.CreateSymbolicLink(Path.Combine(_root, device.Replace('/', '-') + ".png"), device);
        foreach (string file in Directory.GetFileSystemEntries(_root).Where(static f => !f.EndsWith("a.png", StringComparison.Ordinal)))
        {
            VisionException error = await Assert.ThrowsAsync<VisionException>(() => Find(Path.GetFileName(file)));
            Assert.True(error.Code is VisionErrorCode.ImageNotAllowed or VisionErrorCode.ImageNotFound, $"{file}: {error.Code}");
        }
    }

    [Fact]
    public async Task U7_a_link_that_is_put_in_place_while_it_is_looked_at_never_shows_the_secret()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "making links needs rights there that tests do not have");
        string name = Path.Combine(_root, "b.png"), temporary = Path.Combine(_base, "next");
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(Test);
        Task swap = Task.Run(() =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                // A file, and a link out of the folder, each put in the other's place in one step.
                if (i % 2 == 0) File.Copy(Path.Combine(_root, "a.png"), temporary);
                else File.CreateSymbolicLink(temporary, Path.Combine(_base, "secret.png"));
                Assert.Equal(0, Rename(temporary, name));
            }
        }, Test);
        int read = 0;
        for (int i = 0; i < 4000; i++)
        {
            try
            {
                DataContent found = await Find("b.png");
                Assert.True(found.Data.Span.SequenceEqual(s_picture), "the secret was read");
                read++;
            }
            catch (VisionException)
            {
                // The link out was seen.
            }
        }
        Assert.False(swap.IsCompleted, "the links stood still");
        await stop.CancelAsync();
        await swap;
        TestContext.Current.TestOutputHelper?.WriteLine($"{read} of 4000 were read");
    }

    [LibraryImport("libc", EntryPoint = "rename", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(string from, string to);
}
